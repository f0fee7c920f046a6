/* What examples-c/hosts/baresip_tap.c uses of baresip 1.0.0, as Debian 12 has it. Debian has no
 * package of baresip's header. The test runs the module in Debian's program, so a wrong
 * declaration here is found. */
#ifndef BARESIP_H
#define BARESIP_H

struct audio;
struct call;
struct ua;
struct aufilt;

struct auframe {
    int fmt;
    void *sampv;
    size_t sampc;
    uint64_t timestamp;
};

struct aufilt_enc_st {
    const struct aufilt *af;
    struct le le;
};

struct aufilt_dec_st {
    const struct aufilt *af;
    struct le le;
};

struct aufilt_prm {
    uint32_t srate;
    uint8_t ch;
    int fmt;
};

struct aufilt {
    struct le le;
    const char *name;
    int (*encupdh)(struct aufilt_enc_st **, void **, const struct aufilt *, struct aufilt_prm *, const struct audio *);
    int (*ench)(struct aufilt_enc_st *, struct auframe *);
    int (*decupdh)(struct aufilt_dec_st **, void **, const struct aufilt *, struct aufilt_prm *, const struct audio *);
    int (*dech)(struct aufilt_dec_st *, struct auframe *);
};

void aufilt_register(struct list *filters, struct aufilt *filter);
void aufilt_unregister(struct aufilt *filter);
struct list *baresip_aufiltl(void);
struct list *uag_list(void);
struct list *ua_calls(const struct ua *agent);
struct audio *call_audio(const struct call *call);
const char *call_id(const struct call *call);
const char *call_peeruri(const struct call *call);
bool call_is_outgoing(const struct call *call);
struct conf *conf_cur(void);
void warning(const char *format, ...);

#define DECL_EXPORTS(name) exports

#endif
