// Several tabs of one browser. Each is a CometD client; they share the browser's cookies and
// its six connections.
//   node tabs.mjs NODE_MODULES BASE_URL USER PASSWORD CALL TABS
// When all tabs have subscribed and polled, a request over the same connections starts a
// recording. Prints one line for each event. Ends when its input ends.
import http from "node:http";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [modules, base, user, password, call, tabs] = process.argv.slice(2);
// Must be set before the client creates its agent.
http.Agent.defaultMaxSockets = 6;
const load = (file) => import(pathToFileURL(path.join(modules, file)).href);
const { adapt } = await load("cometd-nodejs-client/cometd-nodejs-client.js");
const { CometD } = await load("cometd/cometd.js");
adapt();

const report = (event, value) => process.stdout.write(`${event} ${JSON.stringify(value)}\n`);
const authorization = "Basic " + Buffer.from(`${user}:${password}`).toString("base64");

function open(tab) {
    const cometd = new CometD(`tab${tab}`);
    cometd.websocketEnabled = false;
    cometd.configure({ url: `${base}/genesys/cometd`, logLevel: "error", requestHeaders: { Authorization: authorization } });
    const ready = new Promise((ready) => {
        let connects = 0;
        cometd.addListener("/meta/connect", (connected) => {
            connects += 1;
            const multiple = connected.advice?.["multiple-clients"] === true;
            if (!connected.successful) report("failed", connected);
            // The first tab's next connect is held. Another tab is advised to poll.
            if (tab === 0 || multiple) ready(multiple);
        });
    });
    cometd.handshake((reply) => {
        if (!reply.successful) report("failed", reply);
        cometd.subscribe("/v2/me/calls", (message) => report("message", [tab, message.data.call.recordingState]));
    });
    return ready.then((multiple) => ({ cometd, multiple }));
}

const all = [];
// Opened one after the other, so that all have the first tab's cookie.
for (let tab = 0; tab < Number(tabs); tab += 1) all.push(await open(tab));
report("tabs", all.map((tab) => tab.multiple));

const request = new globalThis.window.XMLHttpRequest();
request.open("POST", `${base}/api/v2/me/calls/${call}`);
request.setRequestHeader("Authorization", authorization);
request.setRequestHeader("Content-Type", "application/json");
request.onload = () => report("started", [request.status, request.responseText]);
request.send(JSON.stringify({ operationName: "StartCallRecording" }));

process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
