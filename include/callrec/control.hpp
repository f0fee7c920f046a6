// Control of recordings, lines and lists. Include <callrec.hpp>.
#ifndef CALLREC_CONTROL_HPP
#define CALLREC_CONTROL_HPP

#include <callrec/handle.hpp>
#include <callrec/views.hpp>

namespace callrec {

/// The functions of an engine that control recordings, lines and lists: a part of `engine_ref`.
///
/// Any thread may call them, also in callbacks. They act on behalf of the host unless a `caller`
/// is given. Nothing throws.
class engine_control : public detail::reference<rec_engine> {
public:
    using reference::reference;

    /// Starts a recording: `rec_start`.
    result<recording_id> start(const start_options &options, const caller &by = caller::host()) const noexcept
    {
        return start_with(options, by, [](auto... arguments) { return rec_start(arguments...); });
    }
    /// Starts a recording with all of the call's audio that is kept: `rec_call_keep`.
    result<recording_id> keep(const start_options &options, const caller &by = caller::host()) const noexcept
    {
        return start_with(options, by, [](auto... arguments) { return rec_call_keep(arguments...); });
    }

    /// Stops a recording: `rec_stop_by_id`.
    result<void> stop_by_id(std::string_view id, const caller &by = caller::host()) const noexcept
    {
        return with_id(id, by, [](auto... arguments) { return rec_stop_by_id(arguments...); });
    }
    /// Stops a recording and deletes its audio: `rec_discard_by_id`.
    result<void> discard_by_id(std::string_view id, const caller &by = caller::host()) const noexcept
    {
        return with_id(id, by, [](auto... arguments) { return rec_discard_by_id(arguments...); });
    }
    /// Pauses a recording: `rec_pause_by_id`.
    result<void> pause_by_id(std::string_view id, const caller &by = caller::host()) const noexcept
    {
        return with_id(id, by, [](auto... arguments) { return rec_pause_by_id(arguments...); });
    }
    /// Resumes a recording: `rec_resume_by_id`.
    result<void> resume_by_id(std::string_view id, const caller &by = caller::host()) const noexcept
    {
        return with_id(id, by, [](auto... arguments) { return rec_resume_by_id(arguments...); });
    }

    /// Deletes a finished recording with all of its files: `rec_delete`. Waits for the disk.
    result<void> delete_by_id(std::string_view id, const caller &by = caller::host()) const noexcept
    {
        return with_id(id, by, [](auto... arguments) { return rec_delete(arguments...); });
    }
    /// Puts a recording under a legal hold, or releases it: `rec_hold`. Waits for the disk.
    result<void> hold_by_id(std::string_view id, bool on, const caller &by = caller::host()) const noexcept
    {
        return with_id(id, by, [on](rec_engine engine, const rec_caller *user, const char *of, rec_error *error) { return rec_hold(engine, user, of, on ? 1 : 0, error); });
    }

    /// Stops the live recordings on a line: `rec_stop_by_device`. The device name or the directory
    /// number may be a text without data.
    result<counts> stop_by_device(std::string_view device_name, std::string_view directory_number, const caller &by = caller::host()) const noexcept
    {
        return with_texts(device_name, directory_number, by, [](auto... arguments) { return rec_stop_by_device(arguments...); });
    }
    /// Stops the live recordings on a line and deletes their audio: `rec_discard_by_device`.
    result<counts> discard_by_device(std::string_view device_name, std::string_view directory_number, const caller &by = caller::host()) const noexcept
    {
        return with_texts(device_name, directory_number, by, [](auto... arguments) { return rec_discard_by_device(arguments...); });
    }
    /// Pauses the live recordings on a line: `rec_pause_by_device`.
    result<counts> pause_by_device(std::string_view device_name, std::string_view directory_number, const caller &by = caller::host()) const noexcept
    {
        return with_texts(device_name, directory_number, by, [](auto... arguments) { return rec_pause_by_device(arguments...); });
    }
    /// Resumes the live recordings on a line: `rec_resume_by_device`.
    result<counts> resume_by_device(std::string_view device_name, std::string_view directory_number, const caller &by = caller::host()) const noexcept
    {
        return with_texts(device_name, directory_number, by, [](auto... arguments) { return rec_resume_by_device(arguments...); });
    }

    /// Stops the live recordings of a call, or the one with this URL: `rec_stop_by_call`.
    result<counts> stop_by_call(std::string_view call_id, std::string_view url = {}, const caller &by = caller::host()) const noexcept
    {
        return with_texts(call_id, url, by, [](auto... arguments) { return rec_stop_by_call(arguments...); });
    }
    /// Stops them and deletes their audio: `rec_discard_by_call`.
    result<counts> discard_by_call(std::string_view call_id, std::string_view url = {}, const caller &by = caller::host()) const noexcept
    {
        return with_texts(call_id, url, by, [](auto... arguments) { return rec_discard_by_call(arguments...); });
    }
    /// Pauses the live recordings of a call: `rec_pause_by_call`.
    result<counts> pause_by_call(std::string_view call_id, const caller &by = caller::host()) const noexcept
    {
        return with_texts(call_id, {}, by, [](rec_engine engine, const rec_caller *user, const char *id, const char *, rec_counts *out, rec_error *error) {
            return rec_pause_by_call(engine, user, id, out, error);
        });
    }
    /// Resumes the live recordings of a call: `rec_resume_by_call`.
    result<counts> resume_by_call(std::string_view call_id, const caller &by = caller::host()) const noexcept
    {
        return with_texts(call_id, {}, by, [](rec_engine engine, const rec_caller *user, const char *id, const char *, rec_counts *out, rec_error *error) {
            return rec_resume_by_call(engine, user, id, out, error);
        });
    }

    /// Lists the live recordings that match a filter: `rec_list`.
    result<snapshot> list(const filter &wanted = {}, const caller &by = caller::host()) const noexcept
    {
        const detail::c_filter made(wanted);
        const detail::c_caller user(by);
        if (!made.ok() || !user.ok())
            return made.ok() ? user.error() : made.error();
        return detail::attempt_with<snapshot>(static_cast<rec_snapshot *>(nullptr), [&](rec_snapshot **out, rec_error *error) {
            return rec_list(handle_, user.get(), &made.c, out, error);
        });
    }
    /// Finds a recording by its id: a snapshot with one element. `rec_get`.
    result<snapshot> get(std::string_view id, const caller &by = caller::host()) const noexcept
    {
        const detail::c_text text(id);
        const detail::c_caller user(by);
        if (!text.ok() || !user.ok())
            return text.ok() ? user.error() : text.error();
        return detail::attempt_with<snapshot>(static_cast<rec_snapshot *>(nullptr), [&](rec_snapshot **out, rec_error *error) {
            return rec_get(handle_, user.get(), text.get(), out, error);
        });
    }

    /// Lists the live recordings of all nodes of the cluster: `rec_cluster_list`. Waits for Redis. As
    /// for the other functions over the cluster, a wait of 0 is that of the configuration.
    result<snapshot> cluster_list(const filter &wanted = {}, milliseconds wait = {}, const caller &by = caller::host()) const noexcept
    {
        const detail::c_filter made(wanted);
        const detail::c_caller user(by);
        if (!made.ok() || !user.ok())
            return made.ok() ? user.error() : made.error();
        return detail::attempt_with<snapshot>(static_cast<rec_snapshot *>(nullptr), [&](rec_snapshot **out, rec_error *error) {
            return rec_cluster_list(handle_, user.get(), &made.c, detail::to_limit(wait), out, error);
        });
    }
    /// Finds a recording of any node of the cluster by its id: `rec_cluster_get`. Waits for Redis.
    result<snapshot> cluster_get(std::string_view id, milliseconds wait = {}, const caller &by = caller::host()) const noexcept
    {
        const detail::c_text text(id);
        const detail::c_caller user(by);
        if (!text.ok() || !user.ok())
            return text.ok() ? user.error() : text.error();
        return detail::attempt_with<snapshot>(static_cast<rec_snapshot *>(nullptr), [&](rec_snapshot **out, rec_error *error) {
            return rec_cluster_get(handle_, user.get(), text.get(), detail::to_limit(wait), out, error);
        });
    }
    /// Controls a recording of any node of the cluster: `rec_cluster_control_by_id`. Waits for its
    /// node.
    result<void> cluster_control_by_id(control_operation operation, std::string_view id, milliseconds wait = {}, const caller &by = caller::host()) const noexcept
    {
        return with_id(id, by, [operation, wait](rec_engine engine, const rec_caller *user, const char *of, rec_error *error) {
            return rec_cluster_control_by_id(engine, user, static_cast<std::int32_t>(operation), of, detail::to_limit(wait), error);
        });
    }
    /// Controls the live recordings on a line on all nodes of the cluster:
    /// `rec_cluster_control_by_device`. Waits for the nodes.
    result<counts> cluster_control_by_device(control_operation operation, std::string_view device_name, std::string_view directory_number, milliseconds wait = {}, const caller &by = caller::host()) const noexcept
    {
        return with_texts(device_name, directory_number, by, [operation, wait](rec_engine engine, const rec_caller *user, const char *device, const char *number, rec_counts *out, rec_error *error) {
            return rec_cluster_control_by_device(engine, user, static_cast<std::int32_t>(operation), device, number, detail::to_limit(wait), out, error);
        });
    }
    /// Controls the live recordings of a call, or the one with this URL, on all nodes of the cluster:
    /// `rec_cluster_control_by_call`. Waits for the nodes.
    result<counts> cluster_control_by_call(control_operation operation, std::string_view call_id, std::string_view url = {}, milliseconds wait = {}, const caller &by = caller::host()) const noexcept
    {
        return with_texts(call_id, url, by, [operation, wait](rec_engine engine, const rec_caller *user, const char *id, const char *of, rec_counts *out, rec_error *error) {
            return rec_cluster_control_by_call(engine, user, static_cast<std::int32_t>(operation), id, of, detail::to_limit(wait), out, error);
        });
    }

    /// Sets the policy of a line: `rec_line_set`.
    result<void> set_line(const line &policy) const noexcept
    {
        return with_line(policy, [](auto... arguments) { return rec_line_set(arguments...); });
    }
    /// Removes the policy of a line, whose flags must be `line_flags::none`: `rec_line_remove`.
    result<void> remove_line(const line &policy) const noexcept
    {
        return with_line(policy, [](auto... arguments) { return rec_line_remove(arguments...); });
    }

private:
    // These convert the arguments that several C functions share.

    template <class Function> result<recording_id> start_with(const start_options &options, const caller &by, Function function) const noexcept
    {
        const detail::c_start_options made(options);
        const detail::c_caller user(by);
        if (!made.ok() || !user.ok())
            return made.ok() ? user.error() : made.error();
        return detail::attempt_with<recording_id>(rec_id(), [&](rec_id *out, rec_error *error) { return function(handle_, user.get(), &made.c, out, error); });
    }

    template <class Function> result<void> with_id(std::string_view id, const caller &by, Function function) const noexcept
    {
        const detail::c_text text(id);
        const detail::c_caller user(by);
        if (!text.ok() || !user.ok())
            return text.ok() ? user.error() : text.error();
        return detail::attempt([&](rec_error *error) { return function(handle_, user.get(), text.get(), error); });
    }

    template <class Function> result<counts> with_texts(std::string_view one, std::string_view other, const caller &by, Function function) const noexcept
    {
        const char *first = nullptr;
        const char *second = nullptr;
        const detail::c_texts texts{{one, &first}, {other, &second}};
        const detail::c_caller user(by);
        if (!texts.ok() || !user.ok())
            return texts.ok() ? user.error() : texts.error();
        const rec_counts none = REC_INIT(rec_counts);
        return detail::attempt_with<counts>(none, [&](rec_counts *out, rec_error *error) { return function(handle_, user.get(), first, second, out, error); });
    }

    template <class Function> result<void> with_line(const line &policy, Function function) const noexcept
    {
        const detail::c_line made(policy);
        if (!made.ok())
            return made.error();
        return detail::attempt([&](rec_error *error) { return function(handle_, &made.c, error); });
    }
};

} // namespace callrec

#endif
