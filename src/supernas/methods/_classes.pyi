# Written by `python -m tests.typing.classes`: the parts of this folder, for type checkers.
from supernas.methods.balenas.balenas import BaLeNAS as BaLeNAS
from supernas.methods.bananas import BANANAS as BANANAS
from supernas.methods.darts import DARTS as DARTS
from supernas.methods.drnas import DrNAS as DrNAS
from supernas.methods.e2nas.e2nas import E2NAS as E2NAS
from supernas.methods.enas import ENAS as ENAS
from supernas.methods.gdas import GDAS as GDAS
from supernas.methods.local_search import LocalSearch as LocalSearch
from supernas.methods.nao import NAO as NAO
from supernas.methods.pc_darts import PCDARTS as PCDARTS
from supernas.methods.random_nas import RandomNAS as RandomNAS
from supernas.methods.random_search import RandomSearch as RandomSearch
from supernas.methods.regularised_evolution import RegularisedEvolution as RegularisedEvolution
from supernas.methods.setn import SETN as SETN
from supernas.methods.snas import SNAS as SNAS
from supernas.methods.tetlo.tetlo import TETLO as TETLO
from supernas.methods.zero_cost import ZeroCost as ZeroCost
