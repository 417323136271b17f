"""What `supernas new` begins a package with: one file a kind, each a whole part that runs, called `Example`.

The line under the title of each is for whoever opens the written file.
"""
