// A Genesys client with the CometD library, as in Genesys' documentation.
//   node genesys.mjs NODE_MODULES COMETD_URL USER PASSWORD [ack] [websocket]
// Prints one line for each event. Ends when its input ends.
import path from "node:path";
import { pathToFileURL } from "node:url";

const [modules, url, user, password, ...options] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(path.join(modules, file)).href);
const { adapt } = await load("cometd-nodejs-client/cometd-nodejs-client.js");
const { CometD, AckExtension } = await load("cometd/cometd.js");
adapt();

const report = (event, value) => process.stdout.write(`${event} ${JSON.stringify(value)}\n`);
const cometd = new CometD();
// Genesys does not support web sockets. If they are enabled, the library falls back.
cometd.websocketEnabled = options.includes("websocket");
if (options.includes("ack")) cometd.registerExtension("ack", new AckExtension());
cometd.configure({
    url,
    logLevel: "error",
    backoffIncrement: 100,
    maxBackoff: 500,
    requestHeaders: {
        Authorization: "Basic " + Buffer.from(`${user}:${password}`).toString("base64"),
    },
});
cometd.addListener("/meta/handshake", (reply) => {
    if (!reply.successful) return;
    report("handshake", cometd.getTransport().type);
    cometd.subscribe("/v2/me/calls", (message) => report("message", message), (subscribed) =>
        report("subscribed", subscribed.successful)
    );
});
cometd.handshake();

process.stdin.on("end", () => {
    cometd.disconnect(() => {
        report("disconnected", true);
        process.exit(0);
    });
});
process.stdin.resume();
