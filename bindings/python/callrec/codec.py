"""Codecs that the host decodes."""

import array
import ctypes
from typing import Any, Callable, Optional, Protocol, Union

from . import _abi, _callbacks
from ._callbacks import callback, contain, target_of
from ._convert import decoded, encoded, made
from ._library import lib
from .constants import Status
from .errors import Error, check

Samples = Union[bytes, bytearray, memoryview, "array.array[int]"]


class Decoder(Protocol):
    """Decodes one stream. A decoder may also have the method ``close()``, called when its stream has ended."""

    def decode(self, payload: bytes) -> Samples:
        """The samples of one RTP packet: 16 bits in native byte order, with those of several channels interleaved.

        At most 200 ms. If it raises an exception, the packet counts as undecodable, the exception is
        printed, and the next packet gets a new decoder.
        """
        ...


class ConcealingDecoder(Decoder, Protocol):
    """A decoder that conceals missing packets."""

    def conceal(self, count: int) -> Samples:
        """``count`` samples of each channel in place of missing packets."""
        ...


DecoderFactory = Callable[[int, int, str], Optional[Decoder]]
"""Makes the decoder of a stream from its sample rate in Hz, its channels, and its ``fmtp`` line or "".

Returns None if it cannot.
"""


class _Codec:
    """What ``user_data`` of a ``rec_codec_ops`` stands for."""

    def __init__(self, factory: DecoderFactory) -> None:
        self.factory = factory


class _State:
    """The decoder of a stream, and how many channels its samples have."""

    def __init__(self, decoder: Any, channels: int) -> None:
        self.decoder = decoder
        self.channels = channels

    def written(self, samples: Samples, target: Any, capacity: int) -> int:
        """Copies samples to the library, and returns how many each channel has."""
        view = memoryview(samples).cast("B")
        count, rest = divmod(len(view), 2 * self.channels)
        if rest or count > capacity:
            raise ValueError(f"a decoder gave {len(view)} bytes for at most {capacity} samples of {self.channels} channels")
        ctypes.memmove(target, bytes(view), len(view))
        return count


@callback(_abi.rec_codec_create_fn)
def _on_create(user_data: int, sample_rate: int, channels: int, fmtp: bytes) -> Optional[int]:
    def create() -> Optional[int]:
        codec = target_of(user_data)
        decoder = codec.factory(sample_rate, channels, decoded(fmtp))
        return None if decoder is None else _callbacks.register(_State(decoder, channels))

    return contain(create, None)


@callback(_abi.rec_codec_decode_fn)
def _on_decode(state: int, payload: Any, size: int, samples: Any, capacity: int, count: Any) -> int:
    def decode() -> Status:
        of = target_of(state)
        count[0] = of.written(of.decoder.decode(ctypes.string_at(payload, size)), samples, capacity)
        return Status.OK

    return contain(decode, Status.INTERNAL)


@callback(_abi.rec_codec_conceal_fn)
def _on_conceal(state: int, samples: Any, count: int) -> int:
    def conceal() -> Status:
        of = target_of(state)
        written = of.written(of.decoder.conceal(count), samples, count)
        return Status.OK if written == count else Status.INVALID_ARGUMENT

    return contain(conceal, Status.INTERNAL)


@callback(_abi.rec_codec_destroy_fn)
def _on_destroy(state: int) -> None:
    def destroy() -> None:
        of = target_of(state)
        _callbacks.forget(state)
        close = getattr(of.decoder, "close", None)
        if close is not None:
            close()

    contain(destroy, None)


_NO_CONCEAL = _abi.rec_codec_conceal_fn()


def register_codec(engine: Any, encoding_name: str, factory: DecoderFactory, conceals: bool, **sizes: int) -> int:
    """Calls ``rec_codec_register``; see `Engine.register_codec`."""
    number = _callbacks.register(_Codec(factory))
    ops = made(
        _abi.rec_codec_ops,
        user_data=number,
        user_data_free=_callbacks.on_free,
        create=_on_create,
        decode=_on_decode,
        conceal=_on_conceal if conceals else _NO_CONCEAL,
        destroy=_on_destroy,
        **sizes,
    )
    codec = ctypes.c_int32()
    try:
        check(lib.rec_codec_register, engine, encoded(encoding_name), ctypes.byref(ops), ctypes.byref(codec))
    except Error:
        _callbacks.forget(number)
        raise
    return codec.value
