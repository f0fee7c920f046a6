// Several tabs of one browser: each a CometD client of its own, with the cookies and the
// six connections of the one browser.
//   node tabs.mjs NODE_MODULES BASE_URL USER PASSWORD CALL TABS
// Starts a recording once all tabs have subscribed and polled, by a request through the
// same connections. Prints one line for each thing that happens. Ends when its input does.
import http from "node:http";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [modules, base, user, password, call, tabs] = process.argv.slice(2);
// Before the client makes its own agent.
http.Agent.defaultMaxSockets = 6;
const load = (file) => import(pathToFileURL(path.join(modules, file)).href);
const { adapt } = await load("cometd-nodejs-client/cometd-nodejs-client.js");
const { CometD } = await load("cometd/cometd.js");
adapt();

const say = (what, value) => process.stdout.write(`${what} ${JSON.stringify(value)}\n`);
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
            if (!connected.successful) say("failed", connected);
            // The first tab's next connect is held; any other's is answered that it polls.
            if (tab === 0 || multiple) ready(multiple);
        });
    });
    cometd.handshake((shaken) => {
        if (!shaken.successful) say("failed", shaken);
        cometd.subscribe("/v2/me/calls", (message) => say("message", [tab, message.data.call.recordingState]));
    });
    return ready.then((multiple) => ({ cometd, multiple }));
}

const all = [];
// One after the other, as a person opens them: the first one's cookie is everybody's.
for (let tab = 0; tab < Number(tabs); tab += 1) all.push(await open(tab));
say("tabs", all.map((one) => one.multiple));

const request = new globalThis.window.XMLHttpRequest();
request.open("POST", `${base}/api/v2/me/calls/${call}`);
request.setRequestHeader("Authorization", authorization);
request.setRequestHeader("Content-Type", "application/json");
request.onload = () => say("started", [request.status, request.responseText]);
request.send(JSON.stringify({ operationName: "StartCallRecording" }));

process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
