/* Examples of the manual pages: the HTTP APIs. */
#define _POSIX_C_SOURCE 200809L
#include <callrec.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rec_engine engine;
static rec_gateway gateway;
static rec_http_response *response;
static rec_status authenticate(void *user_data, const rec_credentials *given, rec_identity *identity)
{
    (void)user_data;
    if (given->name == NULL || strcmp(given->name, "admin") != 0)
        return REC_ERR_UNAUTHENTICATED;
    identity->level = REC_LEVEL_COMPLETE;
    return REC_OK;
}

void examples_of_gateway(void);
void examples_of_gateway(void)
{
{
/* rec_gateway_start */
rec_error error = REC_INIT(rec_error);
rec_gateway_options options = REC_INIT(rec_gateway_options);

options.authenticate = authenticate;
if (rec_gateway_start(engine, &options, &gateway, &error) != REC_OK)
    fprintf(stderr, "callrec: %s\n", error.message);
/* end */
}
{
/* rec_gateway_port */
uint32_t port = 0;

if (rec_gateway_port(gateway, &port, NULL) == REC_OK)
    printf("http://127.0.0.1:%u\n", (unsigned)port);
/* end */
}
{
/* rec_gateway_stop */
rec_error error = REC_INIT(rec_error);

/* Requests that are in progress may take up to five seconds. */
if (rec_gateway_stop(gateway, 5000, &error) != REC_OK)
    fprintf(stderr, "callrec: %s\n", error.message);
/* end */
}
{
/* rec_http_handle */
rec_http_request request = REC_INIT(rec_http_request);

/* From your own web server. */
request.method = "GET";
request.target = "/healthz";
if (rec_http_handle(gateway, &request, &response, NULL) == REC_OK) {
    printf("%d\n", (int)rec_http_response_status(response));
    rec_http_response_free(response);
}
/* end */
}
{
/* rec_http_response_status */
/* response: of rec_http_handle */
int status = (int)rec_http_response_status(response);

printf("HTTP/1.1 %d\r\n", status);
/* end */
}
{
/* rec_http_response_headers */
/* response: of rec_http_handle */
const char *headers = rec_http_response_headers(response);

printf("%s\r\n", headers);
/* end */
}
{
/* rec_http_response_body */
/* response: of rec_http_handle */
size_t size = 0;
const void *body = rec_http_response_body(response, &size);

fwrite(body, 1, size, stdout);
/* end */
}
{
/* rec_http_response_free */
/* response: of rec_http_handle */
if (rec_http_response_status(response) != 200)
    fprintf(stderr, "the request failed\n");
rec_http_response_free(response);
/* end */
}
}
