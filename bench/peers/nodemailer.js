// nodemailer's pool in two processes: nodemailer.js PORT FOLDER
"use strict";
const { fork } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const nodemailer = require("nodemailer");

const PROCESSES = 2;
const CONNECTIONS = 10; // of each process
const CELLS = ["first_name", "last_name", "plan", "city", "number"];

function escapeHtml(text) {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

function fill(form, row, escape) {
  return form.replace(/\[(\w+)\]/g, (all, cell) => (CELLS.includes(cell) ? escape(row[cell]) : all));
}

function send(port, folder, shard) {
  const read = (name) => fs.readFileSync(path.join(folder, name), "utf8");
  const forms = {};
  for (const plan of ["pro", "other"]) {
    forms[plan] = { subject: read(`subject.${plan}`), text: read(`text.${plan}`), html: read(`html.${plan}`) };
  }
  const lines = read("list.csv").trimEnd().split("\n");
  const columns = lines[0].split(",");
  let next = 1 + shard;
  const transport = nodemailer.createTransport({
    pool: true, host: "127.0.0.1", port, secure: false, ignoreTLS: true,
    maxConnections: CONNECTIONS, maxMessages: Infinity,
  });
  let open = 0;
  const done = (error) => {
    if (error) { console.error(error); process.exit(1); }
    open -= 1;
    if (open === 0 && next >= lines.length) transport.close();
  };
  transport.on("idle", () => {
    while (transport.isIdle() && next < lines.length) {
      const cells = lines[next].split(",");
      const row = Object.fromEntries(columns.map((column, n) => [column, cells[n]]));
      const form = forms[row.plan === "pro" ? "pro" : "other"];
      next += PROCESSES;
      open += 1;
      transport.sendMail({
        from: "Example <news@example.com>",
        to: { name: `${row.first_name} ${row.last_name}`, address: row.email },
        subject: fill(form.subject, row, (text) => text),
        text: fill(form.text, row, (text) => text),
        html: fill(form.html, row, escapeHtml),
      }, done);
    }
  });
}

const [port, folder, shard] = process.argv.slice(2);
if (shard === undefined) {
  for (let n = 0; n < PROCESSES; n += 1) {
    fork(__filename, [port, folder, String(n)]).on("exit", (code) => { if (code) process.exitCode = 1; });
  }
} else {
  send(Number(port), folder, Number(shard));
}
