// Takes webhooks and verifies that they are genuine.
import { createServer, type IncomingMessage } from "node:http";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

const maxBody = 1 << 20; // more than a server sends, unless it is set to
const [host = "127.0.0.1", port = "9000"] = (process.env.ADDRESS ?? "").split(":").filter(Boolean);
const webhook = new Webhook(process.env.WEBHOOK_SECRET ?? "");
const seen = new Set<string>(); // in earnest: a unique key in your database

/** Reads the bytes as they came: the signature is over them. */
async function read(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > maxBody) throw new RangeError("the body is too large");
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Gives the status to answer. */
async function take(request: IncomingMessage): Promise<number> {
  if (request.method !== "POST" || request.url !== "/hook") return 404;
  const body = await read(request);
  let event: { event?: string };
  try {
    event = webhook.verify(body, request.headers as Record<string, string>) as typeof event;
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    console.log(`refused: ${error.message}`);
    return 401;
  }
  const id = String(request.headers["webhook-id"]);
  console.log(seen.has(id) ? `known: ${id}` : `accepted: ${event.event} ${id}`); // here the work would be queued
  seen.add(id);
  return 204;
}

createServer((request, response) => {
  take(request)
    .catch((error: unknown) => {
      console.log(`failed: ${error}`);
      return 400;
    })
    .then((status) => response.writeHead(status).end());
}).listen(Number(port), host, () => console.log(`receiving at http://${host}:${port}/hook`));
