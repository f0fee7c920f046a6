// The constants of callrec.h as enum classes. Include <callrec.hpp>, which includes every part.
#ifndef CALLREC_CONSTANTS_HPP
#define CALLREC_CONSTANTS_HPP

#include <callrec.h>

#include <chrono>
#include <cstdint>
#include <type_traits>

namespace callrec {

using std::chrono::milliseconds;

/// A time in the unit of the C API: milliseconds of Unix time.
using time_point = std::chrono::time_point<std::chrono::system_clock, milliseconds>;

/// The version of the header that the program was compiled with.
inline constexpr std::uint32_t header_version = REC_VERSION_NUMBER;
inline constexpr std::uint32_t header_version_major = REC_VERSION_MAJOR;
inline constexpr std::uint32_t header_version_minor = REC_VERSION_MINOR;
inline constexpr std::uint32_t header_version_patch = REC_VERSION_PATCH;
inline constexpr const char *header_version_text = REC_VERSION_STRING;

/// The result of a function: `REC_OK` or `REC_ERR_…`.
enum class status : rec_status {
    ok = REC_OK,
    invalid_argument = REC_ERR_INVALID_ARGUMENT,
    invalid_id = REC_ERR_INVALID_ID,
    no_target = REC_ERR_NO_TARGET,
    invalid_mode = REC_ERR_INVALID_MODE,
    not_monitorable = REC_ERR_NOT_MONITORABLE,
    automatic = REC_ERR_AUTOMATIC,
    unauthenticated = REC_ERR_UNAUTHENTICATED,
    forbidden = REC_ERR_FORBIDDEN,
    not_live = REC_ERR_NOT_LIVE,
    no_call = REC_ERR_NO_CALL,
    dial_in = REC_ERR_DIAL_IN,
    already_recording = REC_ERR_ALREADY_RECORDING,
    already_paused = REC_ERR_ALREADY_PAUSED,
    not_paused = REC_ERR_NOT_PAUSED,
    bad_handle = REC_ERR_BAD_HANDLE,
    limit = REC_ERR_LIMIT,
    no_space = REC_ERR_NO_SPACE,
    io = REC_ERR_IO,
    overrun = REC_ERR_OVERRUN,
    unavailable = REC_ERR_UNAVAILABLE,
    unsupported = REC_ERR_UNSUPPORTED,
    in_callback = REC_ERR_IN_CALLBACK,
    forked = REC_ERR_FORKED,
    config = REC_ERR_CONFIG,
    timeout = REC_ERR_TIMEOUT,
    internal = REC_ERR_INTERNAL,
    exists = REC_ERR_EXISTS,
    busy = REC_ERR_BUSY,
    mandatory = REC_ERR_MANDATORY,
    audit = REC_ERR_AUDIT,
    consent = REC_ERR_CONSENT,
    not_found = REC_ERR_NOT_FOUND,
    live = REC_ERR_LIVE,
    held = REC_ERR_HELD,
};

/// What a caller may do: `REC_LEVEL_…`. Any number from 0 to 10 is a level.
enum class access_level : std::uint32_t {
    none = REC_LEVEL_NONE,
    record_only = REC_LEVEL_RECORD_ONLY,
    base = REC_LEVEL_BASE,
    complete = REC_LEVEL_COMPLETE,
};

/// The state of a call: `REC_CALL_…`. `unchanged` means connected for a new call.
enum class call_state : std::int32_t {
    unchanged = 0,
    connected = REC_CALL_CONNECTED,
    held = REC_CALL_HELD,
    alerting = REC_CALL_ALERTING,
};

/// Whether the parties agree that a call is recorded: `REC_CONSENT_…`.
enum class consent : std::int32_t {
    unknown = REC_CONSENT_UNKNOWN,
    given = REC_CONSENT_GIVEN,
    refused = REC_CONSENT_REFUSED,
};

/// Who called: `REC_DIRECTION_…`.
enum class direction : std::int32_t {
    unknown = REC_DIRECTION_UNKNOWN,
    incoming = REC_DIRECTION_INCOMING,
    outgoing = REC_DIRECTION_OUTGOING,
};

/// A leg of a call: `REC_LEG_…`.
enum class leg : std::int32_t {
    local = REC_LEG_LOCAL,
    remote = REC_LEG_REMOTE,
    mixed = REC_LEG_MIXED,
};

/// The policies of a line: `REC_LINE_…`, combined with `|`.
enum class line_flags : std::uint32_t {
    none = 0,
    not_monitorable = REC_LINE_NOT_MONITORABLE,
    automatic = REC_LINE_AUTOMATIC,
    mandatory = REC_LINE_MANDATORY,
};

/// `REC_START_…`, combined with `|`.
enum class start_flags : std::uint32_t {
    none = 0,
    manual_dial_in = REC_START_MANUAL_DIAL_IN,
    additional = REC_START_ADDITIONAL,
    automatic = REC_START_AUTOMATIC,
};

/// The channels of a file: `REC_LAYOUT_…`.
enum class layout : std::int32_t {
    stereo = REC_LAYOUT_STEREO,
    mono = REC_LAYOUT_MONO,
    local = REC_LAYOUT_LOCAL,
    remote = REC_LAYOUT_REMOTE,
};

/// What a file has for the time of a pause: `REC_PAUSE_…`.
enum class pause_mode : std::int32_t {
    silence = REC_PAUSE_SILENCE,
    skip = REC_PAUSE_SKIP,
};

/// All of the call's audio that is kept: a value of `start_options::lookback`.
inline constexpr milliseconds lookback_all{REC_LOOKBACK_ALL};

/// Which RTP packets are kept as they arrived: `REC_KEEP_RAW_…`.
enum class keep_raw : std::int32_t {
    by_config = REC_KEEP_RAW_DEFAULT,
    never = REC_KEEP_RAW_NEVER,
    undecodable = REC_KEEP_RAW_UNDECODABLE,
    always = REC_KEEP_RAW_ALWAYS,
};

/// A codec: `REC_CODEC_…`, or a value that `engine::register_codec` returned, which is
/// `registered` or above.
enum class codec : std::int32_t {
    pcm16 = REC_CODEC_PCM16,
    pcmu = REC_CODEC_PCMU,
    pcma = REC_CODEC_PCMA,
    g722 = REC_CODEC_G722,
    opus = REC_CODEC_OPUS,
    registered = REC_CODEC_REGISTERED,
};

/// The state of a recording: `REC_STATE_…`.
enum class recording_state : std::int32_t {
    recording = REC_STATE_RECORDING,
    paused = REC_STATE_PAUSED,
    finishing = REC_STATE_FINISHING,
    finished = REC_STATE_FINISHED,
    failed = REC_STATE_FAILED,
};

/// Why a recording or a call ended: `REC_END_…`, or `none` while it is live.
enum class end_reason : std::int32_t {
    none = 0,
    stopped = REC_END_STOPPED,
    call_ended = REC_END_CALL_ENDED,
    limit = REC_END_LIMIT,
    engine_closed = REC_END_ENGINE_CLOSED,
    write_error = REC_END_WRITE_ERROR,
    recovered = REC_END_RECOVERED,
    discarded = REC_END_DISCARDED,
    consent_refused = REC_END_CONSENT_REFUSED,
    transferred = REC_END_TRANSFERRED,
};

/// The kind of an event: `REC_EVENT_…`. A newer library may deliver further numbers.
enum class event_kind : std::int32_t {
    started = REC_EVENT_STARTED,
    paused = REC_EVENT_PAUSED,
    resumed = REC_EVENT_RESUMED,
    finished = REC_EVENT_FINISHED,
    failed = REC_EVENT_FAILED,
    loss = REC_EVENT_LOSS,
    start_failed = REC_EVENT_START_FAILED,
    disk_low = REC_EVENT_DISK_LOW,
    call_idle = REC_EVENT_CALL_IDLE,
    media_ignored = REC_EVENT_MEDIA_IGNORED,
    leg_silent = REC_EVENT_LEG_SILENT,
    call_began = REC_EVENT_CALL_BEGAN,
    call_updated = REC_EVENT_CALL_UPDATED,
    call_ended = REC_EVENT_CALL_ENDED,
    pause_overdue = REC_EVENT_PAUSE_OVERDUE,
    deleted = REC_EVENT_DELETED,
    uploaded = REC_EVENT_UPLOADED,
    upload_failed = REC_EVENT_UPLOAD_FAILED,
    cluster_lost = REC_EVENT_CLUSTER_LOST,
    cluster_restored = REC_EVENT_CLUSTER_RESTORED,
    node_lost = REC_EVENT_NODE_LOST,
};

/// `REC_EVENT_FLAG_…`, combined with `|`.
enum class event_flags : std::uint32_t {
    none = 0,
    repeated = REC_EVENT_FLAG_REPEATED,
    no_audio = REC_EVENT_FLAG_NO_AUDIO,
    leg_undecoded = REC_EVENT_FLAG_LEG_UNDECODED,
    live = REC_EVENT_FLAG_LIVE,
};

/// `REC_SUBSCRIBE_…`, combined with `|`.
enum class subscribe_flags : std::uint32_t {
    none = 0,
    calls = REC_SUBSCRIBE_CALLS,
};

/// The level of a log line: `REC_LOG_…`.
enum class log_level : std::int32_t {
    error = REC_LOG_ERROR,
    warning = REC_LOG_WARNING,
    info = REC_LOG_INFO,
};

/// `REC_GATEWAY_…`, combined with `|`.
enum class gateway_flags : std::uint32_t {
    none = 0,
    no_socket = REC_GATEWAY_NO_SOCKET,
};

/// What to do with a recording of a cluster: `REC_CONTROL_…`.
enum class control_operation : std::int32_t {
    stop = REC_CONTROL_STOP,
    discard = REC_CONTROL_DISCARD,
    pause = REC_CONTROL_PAUSE,
    resume = REC_CONTROL_RESUME,
};

/// How a client of a gateway identifies itself: `REC_AUTH_…`.
enum class auth_scheme : std::int32_t {
    basic = REC_AUTH_BASIC,
    token = REC_AUTH_TOKEN,
    signature = REC_AUTH_SIGNATURE,
    bearer = REC_AUTH_BEARER,
};

/// Whether values of an enum can be combined with `|`.
template <class Enum> struct is_flags : std::false_type {};
template <> struct is_flags<line_flags> : std::true_type {};
template <> struct is_flags<start_flags> : std::true_type {};
template <> struct is_flags<event_flags> : std::true_type {};
template <> struct is_flags<subscribe_flags> : std::true_type {};
template <> struct is_flags<gateway_flags> : std::true_type {};

/// Returns the flags that are set in either of the two.
template <class Enum, class = std::enable_if_t<is_flags<Enum>::value>> constexpr Enum operator|(Enum one, Enum other) noexcept
{
    return static_cast<Enum>(static_cast<std::uint32_t>(one) | static_cast<std::uint32_t>(other));
}

/// Returns the flags that are set in both.
template <class Enum, class = std::enable_if_t<is_flags<Enum>::value>> constexpr Enum operator&(Enum one, Enum other) noexcept
{
    return static_cast<Enum>(static_cast<std::uint32_t>(one) & static_cast<std::uint32_t>(other));
}

/// Returns whether all flags of `wanted` are set in `flags`.
template <class Enum, class = std::enable_if_t<is_flags<Enum>::value>> constexpr bool has(Enum flags, Enum wanted) noexcept
{
    return (flags & wanted) == wanted;
}

} // namespace callrec

#endif
