// Typed views of recordings, calls and events. Include <callrec.hpp>.
#ifndef CALLREC_VIEWS_HPP
#define CALLREC_VIEWS_HPP

#include <callrec/text.hpp>

#include <functional>

namespace callrec {

namespace detail {

/// A member that is newer than 0.1.0: zero if the library's struct ends before it.
template <class Struct, class Member> Member newer(const Struct &from, Member Struct::*member) noexcept
{
    const char *begin = reinterpret_cast<const char *>(&from);
    const char *end = reinterpret_cast<const char *>(&(from.*member)) + sizeof(Member);
    return static_cast<std::size_t>(end - begin) <= from.struct_size ? from.*member : Member();
}

/// As `newer`, for a text.
template <class Struct> std::string_view newer_text(const Struct &from, const char *Struct::*member) noexcept { return from_c(newer(from, member)); }

} // namespace detail

/// The UUID of a recording: a plain value of 37 bytes. Never throws.
class recording_id {
public:
    recording_id() noexcept : id_() {}
    explicit recording_id(const rec_id &id) noexcept : id_(id) {}

    /// The 36 characters, or "" for a default one. They live as long as this object.
    std::string_view view() const noexcept { return id_.text; }
    operator std::string_view() const noexcept { return view(); }
    const rec_id &native() const noexcept { return id_; }

    friend bool operator==(const recording_id &one, const recording_id &other) noexcept { return one.view() == other.view(); }
    friend bool operator!=(const recording_id &one, const recording_id &other) noexcept { return !(one == other); }
    friend bool operator<(const recording_id &one, const recording_id &other) noexcept { return one.view() < other.view(); }

private:
    rec_id id_;
};

/// A recording of a snapshot or an event.
///
/// It owns nothing and copies nothing: it and its texts are valid as long as the snapshot, or
/// until the callback of the event returns. Never throws. callrec.h describes each member under
/// the same name in `rec_recording`. Members that the library does not know yet are 0 or "".
class recording_view {
public:
    explicit recording_view(const rec_recording &recording) noexcept : recording_(&recording) {}

    recording_state state() const noexcept { return static_cast<recording_state>(recording_->state); }
    callrec::end_reason end_reason() const noexcept { return static_cast<callrec::end_reason>(recording_->end_reason); }
    status error() const noexcept { return static_cast<status>(recording_->error); }
    callrec::layout layout() const noexcept { return static_cast<callrec::layout>(recording_->layout); }
    callrec::pause_mode pause_mode() const noexcept { return static_cast<callrec::pause_mode>(recording_->pause_mode); }
    start_flags flags() const noexcept { return static_cast<start_flags>(recording_->flags); }
    std::uint32_t sample_rate() const noexcept { return recording_->sample_rate; }
    std::uint64_t call_tag() const noexcept { return recording_->call_tag; }
    recording_id id() const noexcept { return recording_id(recording_->id); }
    std::string_view call_id() const noexcept { return detail::from_c(recording_->call_id); }
    std::string_view switch_call_id() const noexcept { return detail::from_c(recording_->switch_call_id); }
    std::string_view device_name() const noexcept { return detail::from_c(recording_->device_name); }
    std::string_view directory_number() const noexcept { return detail::from_c(recording_->directory_number); }
    std::string_view username() const noexcept { return detail::from_c(recording_->username); }
    std::string_view numeric_user_id() const noexcept { return detail::from_c(recording_->numeric_user_id); }
    std::string_view remote_first_name() const noexcept { return detail::from_c(recording_->remote_first_name); }
    std::string_view remote_last_name() const noexcept { return detail::from_c(recording_->remote_last_name); }
    std::string_view remote_phone_number() const noexcept { return detail::from_c(recording_->remote_phone_number); }
    std::string_view format() const noexcept { return detail::from_c(recording_->format); }
    std::string_view url() const noexcept { return detail::from_c(recording_->url); }
    std::string_view path() const noexcept { return detail::from_c(recording_->path); }
    std::string_view digest() const noexcept { return detail::from_c(recording_->digest); }
    time_point started_at() const noexcept { return detail::to_time(recording_->started_at_ms); }
    /// The epoch while the recording is live.
    time_point ended_at() const noexcept { return detail::to_time(recording_->ended_at_ms); }
    milliseconds duration() const noexcept { return detail::to_duration(recording_->duration_ms); }
    milliseconds paused() const noexcept { return detail::to_duration(recording_->paused_ms); }
    milliseconds lost() const noexcept { return detail::to_duration(recording_->lost_ms); }
    std::uint64_t bytes() const noexcept { return recording_->bytes; }
    std::string_view raw_path() const noexcept { return detail::newer_text(*recording_, &rec_recording::raw_path); }
    std::string_view raw_digest() const noexcept { return detail::newer_text(*recording_, &rec_recording::raw_digest); }
    std::uint64_t raw_bytes() const noexcept { return detail::newer(*recording_, &rec_recording::raw_bytes); }
    std::uint64_t raw_packets() const noexcept { return detail::newer(*recording_, &rec_recording::raw_packets); }
    milliseconds lookback() const noexcept { return detail::to_duration(detail::newer(*recording_, &rec_recording::lookback_ms)); }
    /// Whether the recording is under a legal hold: `engine::hold_by_id`.
    bool held() const noexcept { return detail::newer(*recording_, &rec_recording::held) != 0; }
    /// Whether its node cannot be reached. Only after `engine::cluster_list` and `engine::cluster_get`.
    bool unreachable() const noexcept { return detail::newer(*recording_, &rec_recording::unreachable) != 0; }
    /// Its node. Only after `engine::cluster_list` and `engine::cluster_get`.
    std::string_view node() const noexcept { return detail::newer_text(*recording_, &rec_recording::node); }
    const rec_recording &native() const noexcept { return *recording_; }

private:
    const rec_recording *recording_;
};

/// A call at the moment of an event.
///
/// It owns nothing: it and its texts are valid until the callback of the event returns. Never
/// throws. callrec.h describes each member under the same name in `rec_call_view`.
class call_view {
public:
    explicit call_view(const rec_call_view &call) noexcept : call_(&call) {}

    call_state state() const noexcept { return static_cast<call_state>(call_->state); }
    callrec::direction direction() const noexcept { return static_cast<callrec::direction>(call_->direction); }
    bool is_private() const noexcept { return call_->is_private != 0; }
    callrec::end_reason end_reason() const noexcept { return static_cast<callrec::end_reason>(call_->end_reason); }
    std::uint64_t number() const noexcept { return call_->number; }
    std::uint64_t tag() const noexcept { return call_->tag; }
    time_point connected_at() const noexcept { return detail::to_time(call_->connected_at_ms); }
    std::string_view call_id() const noexcept { return detail::from_c(call_->call_id); }
    std::string_view switch_call_id() const noexcept { return detail::from_c(call_->switch_call_id); }
    std::string_view device_name() const noexcept { return detail::from_c(call_->device_name); }
    std::string_view directory_number() const noexcept { return detail::from_c(call_->directory_number); }
    std::string_view username() const noexcept { return detail::from_c(call_->username); }
    std::string_view numeric_user_id() const noexcept { return detail::from_c(call_->numeric_user_id); }
    std::string_view remote_first_name() const noexcept { return detail::from_c(call_->remote_first_name); }
    std::string_view remote_last_name() const noexcept { return detail::from_c(call_->remote_last_name); }
    std::string_view remote_phone_number() const noexcept { return detail::from_c(call_->remote_phone_number); }
    std::string_view ani() const noexcept { return detail::from_c(call_->ani); }
    std::string_view dnis() const noexcept { return detail::from_c(call_->dnis); }
    std::string_view call_type() const noexcept { return detail::from_c(call_->call_type); }
    std::string_view attributes_json() const noexcept { return detail::from_c(call_->attributes_json); }
    callrec::consent consent() const noexcept { return static_cast<callrec::consent>(call_->consent); }
    std::string_view consent_source() const noexcept { return detail::from_c(call_->consent_source); }
    time_point consent_from() const noexcept { return detail::to_time(call_->consent_from_ms); }
    time_point consent_at() const noexcept { return detail::to_time(call_->consent_at_ms); }
    std::string_view related_call_ids_json() const noexcept { return detail::from_c(call_->related_call_ids_json); }
    std::string_view parties_json() const noexcept { return detail::from_c(call_->parties_json); }
    const rec_call_view &native() const noexcept { return *call_; }

private:
    const rec_call_view *call_;
};

/// An event, in the callback of `engine::subscribe`.
///
/// It owns nothing: it and all that it leads to are valid until the callback returns. Never throws.
class event_view {
public:
    explicit event_view(const rec_event &event) noexcept : event_(&event) {}

    /// A newer library may deliver kinds that this header does not name: ignore them.
    event_kind kind() const noexcept { return static_cast<event_kind>(event_->kind); }
    event_flags flags() const noexcept { return static_cast<event_flags>(event_->flags); }
    std::uint64_t sequence() const noexcept { return event_->sequence; }
    time_point time() const noexcept { return detail::to_time(event_->time_ms); }
    std::string_view json() const noexcept { return detail::from_c(event_->json); }
    /// With `event_kind::start_failed`, why the recording could not begin.
    callrec::status status() const noexcept { return static_cast<callrec::status>(event_->status); }
    std::uint64_t call_tag() const noexcept { return event_->call_tag; }
    std::uint64_t call_number() const noexcept { return detail::newer(*event_, &rec_event::call_number); }
    /// With events about pauses, the frame of the file at which the pause begins or ends.
    std::uint64_t frame() const noexcept { return detail::newer(*event_, &rec_event::frame); }
    /// With events about uploads, the URL of the object with the audio, or of the store if the
    /// upload was given up. Empty otherwise.
    std::string_view object_url() const noexcept { return detail::from_c(detail::newer(*event_, &rec_event::object_url)); }
    /// The recording that the event is about, if it is about one.
    std::optional<recording_view> recording() const noexcept
    {
        return event_->recording == nullptr ? std::nullopt : std::optional<recording_view>(*event_->recording);
    }
    /// The call that the event is about, if it is about one.
    std::optional<call_view> call() const noexcept
    {
        const rec_call_view *found = detail::newer(*event_, &rec_event::call);
        return found == nullptr ? std::nullopt : std::optional<call_view>(*found);
    }
    const rec_event &native() const noexcept { return *event_; }

private:
    const rec_event *event_;
};

/// Recordings as they were at one instant: a range of `recording_view`.
///
/// It owns the recordings and their texts: views of them are valid until it is destroyed or
/// assigned to. It can be moved, but not copied. Any thread may read it. Never throws.
class snapshot {
public:
    class iterator {
    public:
        // Elements are made on the fly, so the range is random-access for C++20, and an input
        // range for the algorithms of C++17.
        using iterator_category = std::input_iterator_tag;
#if __cplusplus >= 202002L
        using iterator_concept = std::random_access_iterator_tag;
#endif
        using value_type = recording_view;
        using difference_type = std::ptrdiff_t;
        using reference = recording_view;
        /// Lets `->` reach the view, which is not stored anywhere.
        struct pointer {
            recording_view view;
            const recording_view *operator->() const noexcept { return &view; }
        };

        iterator() noexcept = default;
        iterator(const rec_snapshot *snapshot, std::size_t index) noexcept : snapshot_(snapshot), index_(index) {}

        reference operator*() const noexcept { return recording_view(*rec_snapshot_get(snapshot_, index_)); }
        pointer operator->() const noexcept { return {**this}; }
        reference operator[](difference_type offset) const noexcept { return *(*this + offset); }
        iterator &operator++() noexcept { return *this += 1; }
        iterator operator++(int) noexcept { return std::exchange(*this, *this + 1); }
        iterator &operator--() noexcept { return *this -= 1; }
        iterator operator--(int) noexcept { return std::exchange(*this, *this - 1); }
        iterator &operator+=(difference_type offset) noexcept
        {
            index_ = static_cast<std::size_t>(static_cast<difference_type>(index_) + offset);
            return *this;
        }
        iterator &operator-=(difference_type offset) noexcept { return *this += -offset; }
        friend iterator operator+(iterator from, difference_type offset) noexcept { return from += offset; }
        friend iterator operator+(difference_type offset, iterator from) noexcept { return from += offset; }
        friend iterator operator-(iterator from, difference_type offset) noexcept { return from -= offset; }
        friend difference_type operator-(const iterator &one, const iterator &other) noexcept
        {
            return static_cast<difference_type>(one.index_) - static_cast<difference_type>(other.index_);
        }
        friend bool operator==(const iterator &one, const iterator &other) noexcept { return one.index_ == other.index_; }
        friend bool operator!=(const iterator &one, const iterator &other) noexcept { return one.index_ != other.index_; }
        friend bool operator<(const iterator &one, const iterator &other) noexcept { return one.index_ < other.index_; }
        friend bool operator>(const iterator &one, const iterator &other) noexcept { return one.index_ > other.index_; }
        friend bool operator<=(const iterator &one, const iterator &other) noexcept { return one.index_ <= other.index_; }
        friend bool operator>=(const iterator &one, const iterator &other) noexcept { return one.index_ >= other.index_; }

    private:
        const rec_snapshot *snapshot_ = nullptr;
        std::size_t index_ = 0;
    };
    using const_iterator = iterator;
    using value_type = recording_view;

    snapshot() noexcept = default;
    /// Takes over a snapshot of the C API.
    explicit snapshot(rec_snapshot *taken) noexcept : snapshot_(taken) {}

    iterator begin() const noexcept { return {snapshot_.get(), 0}; }
    iterator end() const noexcept { return {snapshot_.get(), size()}; }
    std::size_t size() const noexcept { return rec_snapshot_count(snapshot_.get()); }
    bool empty() const noexcept { return size() == 0; }
    /// A recording by its index, which must be less than `size()`.
    recording_view operator[](std::size_t index) const noexcept { return *iterator(snapshot_.get(), index); }
    /// Imagicle's JSON array. The text lives as long as the snapshot.
    std::string_view json() const noexcept { return rec_snapshot_json(snapshot_.get()); }
    /// The `filter::cursor` of the next page after `engine::cluster_list`, empty after the last one.
    /// The text lives as long as the snapshot.
    std::string_view cursor() const noexcept { return rec_snapshot_cursor(snapshot_.get()); }
    const rec_snapshot *native() const noexcept { return snapshot_.get(); }

private:
    struct freeing {
        void operator()(rec_snapshot *taken) const noexcept { rec_snapshot_free(taken); }
    };
    std::unique_ptr<rec_snapshot, freeing> snapshot_;
};

} // namespace callrec

template <> struct std::hash<callrec::recording_id> {
    std::size_t operator()(const callrec::recording_id &id) const noexcept { return std::hash<std::string_view>()(id.view()); }
};

#endif
