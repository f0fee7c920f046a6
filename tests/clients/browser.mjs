// Opens pages in Chromium, one after the other in one tab. Ends when its input ends:
//   node browser.mjs CHROMIUM PROFILE_DIRECTORY URL...
// Prints a line when the last page has been opened.
import { spawn } from "node:child_process";

const [chromium, profile, ...urls] = process.argv.slice(2);
const options = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-proxy-server",
    "--remote-debugging-pipe",
    `--user-data-dir=${profile}`,
    "about:blank",
];
// The third stream carries commands, the fourth responses. A NUL ends each message.
const browser = spawn(chromium, options, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
const ended = new Promise((resolve) => browser.on("exit", resolve));
const [commands, responses] = browser.stdio.slice(3);

let count = 0;
let incomplete = "";
const pending = new Map();
responses.setEncoding("utf8");
responses.on("data", (text) => {
    const messages = (incomplete + text).split("\0");
    incomplete = messages.pop();
    for (const message of messages.map(JSON.parse)) {
        pending.get(message.id ?? message.method)?.(message);
        pending.delete(message.id ?? message.method);
    }
});
const next = (key) => new Promise((resolve) => pending.set(key, resolve));
const send = async (method, params, sessionId) => {
    const id = ++count;
    commands.write(JSON.stringify({ id, method, params, sessionId }) + "\0");
    const { result, error } = await next(id);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
};

process.stdin.on("end", async () => {
    browser.kill();
    await ended;
    process.exit(0);
});
process.stdin.resume();

const { targetId } = await send("Target.createTarget", { url: "about:blank" });
const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
await send("Page.enable", {}, sessionId);
for (const url of urls) {
    const loaded = next("Page.loadEventFired");
    await send("Page.navigate", { url }, sessionId);
    await loaded;
}
process.stdout.write("opened\n");
