"""Builds a wheel that carries the library, if the library is in the directory of the package."""

from pathlib import Path

from setuptools import Distribution, setup

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1
    from wheel.bdist_wheel import bdist_wheel

LIBRARIES = ["libcallrec.so.0", "callrec.dll"]
carries_library = any((Path(__file__).parent / "callrec" / name).exists() for name in LIBRARIES)


class PlatformDistribution(Distribution):
    """The files belong to one platform, although no extension module is compiled."""

    def has_ext_modules(self) -> bool:
        return carries_library


class PlatformWheel(bdist_wheel):
    """A wheel for one platform and every Python."""

    def get_tag(self) -> tuple:
        _, _, platform = super().get_tag()
        return ("py3", "none", platform if carries_library else "any")


setup(distclass=PlatformDistribution, cmdclass={"bdist_wheel": PlatformWheel})
