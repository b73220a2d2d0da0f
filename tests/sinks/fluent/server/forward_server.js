// A forward server that appends what it takes to a file, before it acknowledges it.
// node forward_server.js '{"port": 0, "file": PATH, "security": {...}, "tls": {"key", "cert"}}'
// With "only": FIELD it stores only that field of each record. With "packed": true it stores packed
// entries as they came, in FILE.packed, as a forwarder does, which does not have to look into them.
// With "likeFluentBit": true it greets and refuses as Fluent Bit does: HELO always has a salt for a
// user, with users or without, and a wrong key closes the connection without PONG.
"use strict";
const crypto = require("crypto");
const fs = require("fs");
const protocol = require("@fluent-org/logger/build/src/protocol");
const { FluentServer } = require("@fluent-org/logger");

const options = JSON.parse(process.argv[2]);
const file = fs.openSync(options.file, "a");
const packed = options.packed && fs.openSync(options.file + ".packed", "a");

// The library acknowledges a chunk and then hands out its entries. Killed in between, it would
// have acknowledged what it never gave us; so we take the entries where it decodes them.
const parse = protocol.parseTransport;
protocol.parseTransport = (message) => {
  if (packed && message[1] instanceof Uint8Array) {
    fs.writeSync(packed, message[1]);
    return { tag: message[0], entries: [], chunk: message[2].chunk };
  }
  const { tag, entries, chunk } = parse(message);
  const lines = entries.map(([time, record]) =>
    JSON.stringify(
      options.only ? record[options.only] : { tag, time: [time.epoch, time.nano], record },
    ),
  );
  fs.writeSync(file, lines.join("\n") + "\n");
  return { tag, entries: [], chunk };
};

if (options.likeFluentBit) {
  const { generateHelo, generatePong } = protocol;
  protocol.generateHelo = (nonce, salt) => {
    const [word, { nonce: given, auth }] = generateHelo(nonce, salt || crypto.randomBytes(16), true);
    return [word, { nonce: given, auth }];
  };
  protocol.generatePong = (hostname, authenticated, reason, key) => {
    if (reason === "shared key mismatch") throw new Error(reason);
    return generatePong(hostname, authenticated, reason, key);
  };
}

const server = new FluentServer({
  listenOptions: { port: options.port, host: "127.0.0.1" },
  security: options.security,
  tlsOptions: options.tls && {
    ...options.tls,
    key: fs.readFileSync(options.tls.key),
    cert: fs.readFileSync(options.tls.cert),
    ca: options.tls.ca && fs.readFileSync(options.tls.ca),
  },
});
server.listen().then(() => console.log(server.port));
process.on("SIGTERM", () => server.close().then(() => process.exit(0)));
