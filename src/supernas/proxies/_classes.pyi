# Written by `python -m tests.typing.classes`: the parts of this folder, for type checkers.
from supernas.proxies.az_nas import AZNAS as AZNAS
from supernas.proxies.ensemble import Ensemble as Ensemble
from supernas.proxies.fisher import Fisher as Fisher
from supernas.proxies.flops import FLOPs as FLOPs
from supernas.proxies.grad_norm import GradNorm as GradNorm
from supernas.proxies.grasp import GraSP as GraSP
from supernas.proxies.jacob_cov import JacobCov as JacobCov
from supernas.proxies.linear_regions import LinearRegions as LinearRegions
from supernas.proxies.naswot import NASWOT as NASWOT
from supernas.proxies.ntk import NTK as NTK
from supernas.proxies.parameters import Parameters as Parameters
from supernas.proxies.snip import SNIP as SNIP
from supernas.proxies.swap import SWAP as SWAP
from supernas.proxies.synflow import SynFlow as SynFlow
from supernas.proxies.zen import Zen as Zen
from supernas.proxies.zico import ZiCo as ZiCo
