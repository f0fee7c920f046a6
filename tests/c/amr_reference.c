/* Writes an AMR file with every mode of the encoder and discontinuous transmission, and what the
 * plain decoder makes of it.
 *
 *   amr_reference FILE.amr FILE.raw */
#include <opencore-amrnb/interf_dec.h>
#include <opencore-amrnb/interf_enc.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FRAMES = 400, SAMPLES = 160 };

int main(int argc, char **argv)
{
    FILE *amr = argc == 3 ? fopen(argv[1], "wb") : NULL, *raw = argc == 3 ? fopen(argv[2], "wb") : NULL;
    if (amr == NULL || raw == NULL)
        return 2;
    void *encoder = Encoder_Interface_init(1), *decoder = Decoder_Interface_init();
    fwrite("#!AMR\n", 1, 6, amr);
    for (int n = 0; n < FRAMES; n++) {
        short samples[SAMPLES], decoded[SAMPLES];
        unsigned char frame[64];
        memset(frame, 0, sizeof frame);
        for (int i = 0; i < SAMPLES; i++) {
            double t = (double)(n * SAMPLES + i) / 8000;
            int is_pause = n / 50 % 2; /* a second of speech, a second of noise */
            samples[i] = (short)(is_pause ? (i * 7919 + n * 104729) % 13 - 6 : 6000 * sin(2 * 3.14159265 * (200 + 150 * sin(3 * t)) * t));
        }
        int size = Encoder_Interface_Encode(encoder, (enum Mode)(n / 25 % 8), samples, frame, 0);
        fwrite(frame, 1, (size_t)size, amr);
        Decoder_Interface_Decode(decoder, frame, decoded, (frame[0] >> 3 & 15) == 15);
        fwrite(decoded, sizeof *decoded, SAMPLES, raw);
    }
    Encoder_Interface_exit(encoder);
    Decoder_Interface_exit(decoder);
    return fclose(amr) == 0 && fclose(raw) == 0 ? 0 : 1;
}
