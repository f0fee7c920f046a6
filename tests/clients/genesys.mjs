// A Genesys client as its documents show it: the CometD library, nothing of ours.
//   node genesys.mjs NODE_MODULES COMETD_URL USER PASSWORD [ack] [websocket]
// Prints one line for each thing that happens. Ends when its input does.
import path from "node:path";
import { pathToFileURL } from "node:url";

const [modules, url, user, password, ...options] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(path.join(modules, file)).href);
const { adapt } = await load("cometd-nodejs-client/cometd-nodejs-client.js");
const { CometD, AckExtension } = await load("cometd/cometd.js");
adapt();

const say = (what, value) => process.stdout.write(`${what} ${JSON.stringify(value)}\n`);
const cometd = new CometD();
// Genesys: web sockets are not supported. With them the library finds that out itself.
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
cometd.addListener("/meta/handshake", (shaken) => {
    if (!shaken.successful) return;
    say("handshake", cometd.getTransport().type);
    cometd.subscribe("/v2/me/calls", (message) => say("message", message), (subscribed) =>
        say("subscribed", subscribed.successful)
    );
});
cometd.handshake();

process.stdin.on("end", () => {
    cometd.disconnect(() => {
        say("disconnected", true);
        process.exit(0);
    });
});
process.stdin.resume();
