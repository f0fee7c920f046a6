// The header in C++11 to C++20: twice, and inside extern "C" { }.
extern "C" {
#include <callrec.h>
}
#include <callrec.h>

#include <cstdio>
#include <cstring>

static rec_error global = REC_INIT(rec_error);

struct host {
    rec_call_info info = REC_INIT(rec_call_info);
    rec_statistics statistics = REC_INIT(rec_statistics);
};

static void on_event(void *, const rec_event *) {}

int main()
{
    const rec_filter filter = REC_INIT(rec_filter);
    rec_caller caller = REC_INIT(rec_caller);
    auto options = REC_INIT(rec_start_options);
    host fields;
    caller.level = REC_LEVEL_COMPLETE;
    rec_event_fn callback = on_event;
    rec_engine none = {};
    rec_snapshot *snapshot = nullptr;
    rec_subscription subscription = {};
    int bad = 0;
    bad += global.struct_size != sizeof(rec_error) || filter.struct_size != sizeof(rec_filter) || options.struct_size != sizeof options;
    bad += fields.info.struct_size != sizeof fields.info || fields.info.call_id != nullptr || fields.info.tag != 0 || fields.statistics.struct_size != sizeof(rec_statistics);
    bad += rec_list(none, &caller, &filter, &snapshot, &global) != REC_ERR_BAD_HANDLE || snapshot != nullptr;
    rec_subscribe_options options_with = REC_INIT(rec_subscribe_options);
    bad += rec_subscribe_with(none, &options_with, callback, nullptr, nullptr, &subscription, nullptr) != REC_ERR_BAD_HANDLE;
    bad += rec_subscribe(none, callback, nullptr, nullptr, &subscription, nullptr) != REC_ERR_BAD_HANDLE;
    bad += std::strcmp(rec_version(), REC_VERSION_STRING) != 0;
    std::printf("%s\n", bad == 0 ? "passed" : "FAILED");
    return bad;
}
