"""The constants of callrec. Generated from include/callrec.h, which describes them; do not edit."""

from enum import IntEnum, IntFlag


class EventFlag(IntFlag):
    """``REC_EVENT_FLAG_…``"""

    REPEATED = 1
    NO_AUDIO = 2
    LEG_UNDECODED = 4
    LIVE = 8


class EventKind(IntEnum):
    """``REC_EVENT_…``"""

    STARTED = 1
    PAUSED = 2
    RESUMED = 3
    FINISHED = 4
    FAILED = 5
    LOSS = 6
    START_FAILED = 7
    DISK_LOW = 8
    CALL_IDLE = 9
    MEDIA_IGNORED = 10
    LEG_SILENT = 11
    CALL_BEGAN = 12
    CALL_UPDATED = 13
    CALL_ENDED = 14
    PAUSE_OVERDUE = 15
    DELETED = 16
    UPLOADED = 17
    UPLOAD_FAILED = 18
    CLUSTER_LOST = 19
    CLUSTER_RESTORED = 20
    NODE_LOST = 21


class Level(IntEnum):
    """``REC_LEVEL_…``"""

    NONE = 0
    RECORD_ONLY = 1
    BASE = 2
    COMPLETE = 10


class CallState(IntEnum):
    """``REC_CALL_…``"""

    CONNECTED = 1
    HELD = 2
    ALERTING = 3


class Consent(IntEnum):
    """``REC_CONSENT_…``"""

    UNKNOWN = 0
    GIVEN = 1
    REFUSED = 2


class Direction(IntEnum):
    """``REC_DIRECTION_…``"""

    UNKNOWN = 0
    INCOMING = 1
    OUTGOING = 2


class Leg(IntEnum):
    """``REC_LEG_…``"""

    LOCAL = 0
    REMOTE = 1
    MIXED = 2


class LineFlag(IntFlag):
    """``REC_LINE_…``"""

    NOT_MONITORABLE = 1
    AUTOMATIC = 2
    MANDATORY = 4


class StartFlag(IntFlag):
    """``REC_START_…``"""

    MANUAL_DIAL_IN = 1
    ADDITIONAL = 2
    AUTOMATIC = 4


class Layout(IntEnum):
    """``REC_LAYOUT_…``"""

    STEREO = 0
    MONO = 1
    LOCAL = 2
    REMOTE = 3


class PauseMode(IntEnum):
    """``REC_PAUSE_…``"""

    SILENCE = 0
    SKIP = 1


class KeepRaw(IntEnum):
    """``REC_KEEP_RAW_…``"""

    DEFAULT = 0
    NEVER = 1
    UNDECODABLE = 2
    ALWAYS = 3


class Codec(IntEnum):
    """``REC_CODEC_…``"""

    PCM16 = 1
    PCMU = 2
    PCMA = 3
    G722 = 4
    OPUS = 5
    REGISTERED = 1000


class State(IntEnum):
    """``REC_STATE_…``"""

    RECORDING = 1
    PAUSED = 2
    FINISHING = 3
    FINISHED = 4
    FAILED = 5


class EndReason(IntEnum):
    """``REC_END_…``"""

    STOPPED = 1
    CALL_ENDED = 2
    LIMIT = 3
    ENGINE_CLOSED = 4
    WRITE_ERROR = 5
    RECOVERED = 6
    DISCARDED = 7
    CONSENT_REFUSED = 8
    TRANSFERRED = 9


class SubscribeFlag(IntFlag):
    """``REC_SUBSCRIBE_…``"""

    CALLS = 1


class LogLevel(IntEnum):
    """``REC_LOG_…``"""

    ERROR = 1
    WARNING = 2
    INFO = 3


class GatewayFlag(IntFlag):
    """``REC_GATEWAY_…``"""

    NO_SOCKET = 1


class AuthMethod(IntEnum):
    """``REC_AUTH_…``"""

    BASIC = 1
    TOKEN = 2
    SIGNATURE = 3
    BEARER = 4


class ControlOperation(IntEnum):
    """``REC_CONTROL_…``"""

    STOP = 1
    DISCARD = 2
    PAUSE = 3
    RESUME = 4


class Status(IntEnum):
    """``REC_ERR_…``"""

    OK = 0
    INVALID_ARGUMENT = -1
    INVALID_ID = -2
    NO_TARGET = -3
    INVALID_MODE = -4
    NOT_MONITORABLE = -5
    AUTOMATIC = -6
    UNAUTHENTICATED = -7
    FORBIDDEN = -8
    NOT_LIVE = -9
    NO_CALL = -10
    DIAL_IN = -11
    ALREADY_RECORDING = -12
    ALREADY_PAUSED = -13
    NOT_PAUSED = -14
    BAD_HANDLE = -15
    LIMIT = -16
    NO_SPACE = -17
    IO = -18
    OVERRUN = -19
    UNAVAILABLE = -20
    UNSUPPORTED = -21
    IN_CALLBACK = -22
    FORKED = -23
    CONFIG = -24
    TIMEOUT = -25
    INTERNAL = -26
    EXISTS = -27
    BUSY = -28
    MANDATORY = -29
    AUDIT = -30
    CONSENT = -31
    NOT_FOUND = -32
    LIVE = -33
    HELD = -34
