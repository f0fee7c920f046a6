/* Records a call with a codec that callrec does not decode: AMR (RFC 4867), by opencore-amr
 * (Debian: libopencore-amrnb-dev).
 *
 *   codec_plugin DIRECTORY FILE.amr [FMTP]
 *
 * The program sends the frames of an AMR file (RFC 4867, section 5) to itself as RTP packets, one
 * frame each. FMTP is the value of the fmtp line: "octet-align=1", or "" for bandwidth-efficient
 * packets. The last line on stdout is the path of the recording. */
#include <callrec.h>
#include <opencore-amrnb/interf_dec.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME_SAMPLES = 160, FRAME_MAX = 32, PACKET_MAX = 64, PAYLOAD_TYPE = 96, NO_DATA = 15 };

/* ---- AMR frames ---------------------------------------------------------------------------- */

/* Bits of a frame by its type; -1 for types that do not exist in RTP. */
static const int frame_bits[16] = {95, 103, 118, 134, 148, 159, 204, 244, 39, -1, -1, -1, -1, -1, -1, 0};

static int octets(int bits)
{
    return (bits + 7) / 8;
}

/* Reads up to 8 bits. Returns -1 at the end. */
static int read_bits(const uint8_t *bytes, size_t size, size_t *at, int count)
{
    int value = 0;
    if (*at + (size_t)count > 8 * size)
        return -1;
    for (int i = 0; i < count; i++, ++*at)
        value = value << 1 | (bytes[*at / 8] >> (7 - *at % 8) & 1);
    return value;
}

static void write_bits(uint8_t *bytes, size_t *at, int value, int count)
{
    for (int i = count - 1; i >= 0; i--, ++*at)
        bytes[*at / 8] |= (uint8_t)((value >> i & 1) << (7 - *at % 8));
}

/* Copies the bits of a frame. Returns 0 if there are fewer. */
static int copy_bits(const uint8_t *from, size_t size, size_t *at, uint8_t *to, size_t *to_at, int bits)
{
    for (; bits > 0; bits -= 8) {
        int count = bits < 8 ? bits : 8;
        int value = read_bits(from, size, at, count);
        if (value < 0)
            return 0;
        write_bits(to, to_at, value, count);
    }
    return 1;
}

/* ---- the codec, as callrec calls it -------------------------------------------------------- */

struct amr {
    void *decoder;
    int is_octet_aligned;
};

/* Whether fmtp has this parameter, for example "octet-align=1". */
static int has_parameter(const char *fmtp, const char *parameter)
{
    const char *found = fmtp == NULL ? NULL : strstr(fmtp, parameter);
    return found != NULL && (found == fmtp || found[-1] == ' ' || found[-1] == ';');
}

static void *amr_create(void *user_data, uint32_t sample_rate, uint32_t channels, const char *fmtp)
{
    (void)user_data;
    if (sample_rate != 8000 || channels != 1 || has_parameter(fmtp, "crc=1") || has_parameter(fmtp, "robust-sorting=1") ||
        has_parameter(fmtp, "interleaving="))
        return NULL;
    struct amr *amr = malloc(sizeof *amr);
    if (amr == NULL)
        return NULL;
    amr->is_octet_aligned = has_parameter(fmtp, "octet-align=1");
    amr->decoder = Decoder_Interface_init();
    if (amr->decoder == NULL) {
        free(amr);
        return NULL;
    }
    return amr;
}

/* A payload is a codec mode request, a table of contents, and the frames. In octet-aligned
 * packets each of these begins with an octet of its own. */
static rec_status amr_decode(void *state, const uint8_t *payload, size_t size, int16_t *samples, size_t capacity, size_t *count)
{
    struct amr *amr = state;
    int padding = amr->is_octet_aligned ? 4 : 0, entry_padding = amr->is_octet_aligned ? 2 : 0;
    int types[16], quality[16], frames = 0, more = 1;
    size_t at = (size_t)(4 + padding);
    while (more) {
        if (frames == 16 || (more = read_bits(payload, size, &at, 1)) < 0)
            return REC_ERR_INVALID_ARGUMENT;
        types[frames] = read_bits(payload, size, &at, 4);
        quality[frames] = read_bits(payload, size, &at, 1);
        if (types[frames] < 0 || quality[frames] < 0 || frame_bits[types[frames]] < 0)
            return REC_ERR_INVALID_ARGUMENT;
        at += (size_t)entry_padding;
        frames++;
    }
    if (capacity < (size_t)frames * FRAME_SAMPLES)
        return REC_ERR_INVALID_ARGUMENT;
    for (int n = 0; n < frames; n++) {
        uint8_t frame[FRAME_MAX] = {(uint8_t)(types[n] << 3 | quality[n] << 2)};
        size_t frame_at = 8;
        if (!copy_bits(payload, size, &at, frame, &frame_at, frame_bits[types[n]]))
            return REC_ERR_INVALID_ARGUMENT;
        if (amr->is_octet_aligned)
            at = (at + 7) / 8 * 8;
        Decoder_Interface_Decode(amr->decoder, frame, samples + n * FRAME_SAMPLES, types[n] == NO_DATA || !quality[n]);
    }
    *count = (size_t)frames * FRAME_SAMPLES;
    return REC_OK;
}

static void amr_destroy(void *state)
{
    struct amr *amr = state;
    Decoder_Interface_exit(amr->decoder);
    free(amr);
}

/* ---- the call ------------------------------------------------------------------------------ */

static rec_error error = REC_INIT(rec_error);

static void must(rec_status status, const char *what)
{
    if (status != REC_OK) {
        fprintf(stderr, "%s: %s: %s\n", what, rec_status_text(status), error.message);
        exit(1);
    }
}

static void on_event(void *user_data, const rec_event *event)
{
    if (event->kind == REC_EVENT_FINISHED)
        snprintf(user_data, 4096, "%s", event->recording->path);
}

/* Makes an RTP packet of a frame as the file has it: its header, then its octets. Returns the size. */
static size_t make_packet(uint8_t *packet, unsigned number, const uint8_t *frame, int is_octet_aligned)
{
    uint32_t timestamp = number * FRAME_SAMPLES;
    uint8_t header[12] = {0x80, PAYLOAD_TYPE, (uint8_t)(number >> 8), (uint8_t)number, (uint8_t)(timestamp >> 24), (uint8_t)(timestamp >> 16),
                          (uint8_t)(timestamp >> 8), (uint8_t)timestamp, 0, 0, 0, 1};
    int type = frame[0] >> 3 & 15;
    size_t at = 0, frame_at = 8;
    memset(packet, 0, PACKET_MAX);
    memcpy(packet, header, sizeof header);
    write_bits(packet + 12, &at, 15, 4); /* no mode is requested */
    at += is_octet_aligned ? 4 : 0;
    write_bits(packet + 12, &at, type << 1 | (frame[0] >> 2 & 1), 6); /* no further frame */
    at += is_octet_aligned ? 2 : 0;
    copy_bits(frame, FRAME_MAX, &frame_at, packet + 12, &at, frame_bits[type]);
    return 12 + (at + 7) / 8;
}

static void send_file(rec_feed feed, FILE *file, int is_octet_aligned)
{
    uint8_t frame[FRAME_MAX], packet[PACKET_MAX];
    char magic[6];
    if (fread(magic, 1, sizeof magic, file) != sizeof magic || memcmp(magic, "#!AMR\n", sizeof magic) != 0) {
        fprintf(stderr, "not an AMR file\n");
        exit(1);
    }
    for (unsigned number = 0; fread(frame, 1, 1, file) == 1; number++) {
        int bits = frame_bits[frame[0] >> 3 & 15];
        if (bits < 0 || fread(frame + 1, 1, (size_t)octets(bits), file) != (size_t)octets(bits)) {
            fprintf(stderr, "frame %u is damaged\n", number);
            exit(1);
        }
        size_t size = make_packet(packet, number, frame, is_octet_aligned);
        rec_status status;
        while ((status = rec_feed_rtp(feed, packet, size)) == REC_ERR_OVERRUN)
            must(rec_feed_wait(feed, 10000), "rec_feed_wait");
        must(status, "rec_feed_rtp");
    }
}

int main(int argc, char **argv)
{
    static char path[4096];
    char sdp[512];
    FILE *file = argc >= 3 ? fopen(argv[2], "rb") : NULL;
    const char *fmtp = argc == 4 ? argv[3] : "";
    if (file == NULL) {
        fprintf(stderr, "usage: %s DIRECTORY FILE.amr [FMTP]\n", argv[0]);
        return 2;
    }
    rec_config *config = NULL;
    rec_engine engine;
    rec_subscription subscription;
    must(rec_config_new(&config), "rec_config_new");
    must(rec_config_set(config, "storage.directory", argv[1], &error), "storage.directory");
    must(rec_config_set(config, "media.clock", "stream", &error), "media.clock"); /* as fast as possible */
    must(rec_open(config, &engine, &error), "rec_open");
    rec_config_free(config);
    must(rec_subscribe(engine, on_event, path, NULL, &subscription, &error), "rec_subscribe");

    rec_codec_ops ops = REC_INIT(rec_codec_ops);
    ops.create = amr_create;
    ops.decode = amr_decode;
    ops.destroy = amr_destroy;
    must(rec_codec_register(engine, "AMR", &ops, NULL, &error), "rec_codec_register");

    rec_call_info info = REC_INIT(rec_call_info);
    rec_feed_format format = REC_INIT(rec_feed_format);
    rec_start_options options = REC_INIT(rec_start_options);
    rec_call call;
    rec_feed feed;
    rec_id id;
    info.device_name = options.device_name = "amr";
    options.layout = REC_LAYOUT_REMOTE;
    format.codec = REC_CODEC_PCMU;
    must(rec_call_begin(engine, &info, &call, &error), "rec_call_begin");
    must(rec_feed_open(call, REC_LEG_REMOTE, &format, &feed, &error), "rec_feed_open");
    snprintf(sdp, sizeof sdp, "m=audio 4000 RTP/AVP %d\r\na=rtpmap:%d AMR/8000\r\na=fmtp:%d %s\r\na=ptime:20\r\n", PAYLOAD_TYPE, PAYLOAD_TYPE, PAYLOAD_TYPE,
             fmtp);
    must(rec_feed_sdp(feed, sdp, &error), "rec_feed_sdp");
    must(rec_start(engine, NULL, &options, &id, &error), "rec_start");
    send_file(feed, file, has_parameter(fmtp, "octet-align=1"));
    fclose(file);
    must(rec_stop_by_id(engine, NULL, id.text, &error), "rec_stop_by_id");
    must(rec_close(engine, 10000, &error), "rec_close");
    printf("%s\n", path);
    return path[0] != '\0' ? 0 : 1;
}
