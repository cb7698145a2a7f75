{
  const form = document.querySelector("[data-ask]")
  const fields = form.elements
  const find = (name) => document.querySelector(`[data-${name}]`)
  let templates = [], last = ""

  const ask = async (method, path, body) => {
    const headers = { Authorization: `Bearer ${fields.key.value}` }
    if (body) headers["Content-Type"] = "application/json"
    if (path === "/v1/messages" && fields.idempotency.value) headers["Idempotency-Key"] = fields.idempotency.value
    const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) })
    return { status: answer.status, replayed: answer.headers.get("Idempotency-Replayed"), said: await answer.json() }
  }

  const lost = () => ({ status: 0, said: { error: "no connection" } })

  const show = ({ status, replayed, said }) => {
    find("none").hidden = true
    find("answer").hidden = false
    const badge = find("status")
    badge.textContent = status
    badge.className = `badge ${status < 300 ? "good" : status < 500 ? "warn" : "bad"}`
    const place = said.line ? ` (${said.file}:${said.line})` : ""
    find("said").textContent = said.error ? said.error + place : said.state ? `${said.state}${replayed ? ", as before" : ""}` : said.subject || ""
    const frame = document.querySelector("iframe")
    frame.hidden = !(said.html || said.text)
    if (said.html) frame.srcdoc = said.html
    else if (said.text) {
      const text = document.createElement("pre")
      text.textContent = said.text
      frame.srcdoc = text.outerHTML
    }
    const { html, message, ...rest } = said
    find("json").textContent = JSON.stringify(rest, null, 2)
    if (said.id) last = said.id
    find("again").hidden = !said.id
    find("answer").scrollIntoView({ block: "nearest" }) // on a phone it is below the form
  }

  const letter = () => ({ template: fields.template.value, to: fields.to.value, data: JSON.parse(fields.data.value || "{}") })

  const curl = () => {
    let asked
    try { asked = letter() } catch { asked = { template: fields.template.value, to: fields.to.value, data: {} } }
    const quoted = JSON.stringify(asked).replaceAll("'", "'\\''")
    find("curl").textContent = `curl ${location.origin}/v1/messages \\\n  -H "Authorization: Bearer $CAMPAIGN_API_KEY" \\\n  -H "Idempotency-Key: order-1234" \\\n  -H "Content-Type: application/json" \\\n  -d '${quoted}'`
  }

  // The largest unit that leaves no rest: "1 day", "90 minutes".
  const spelled = (seconds) => {
    const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]]
    const [unit, each] = units.find(([, length]) => seconds % length === 0) ?? ["second", 1]
    const count = Math.round(seconds / each)
    return `${count} ${unit}${count === 1 ? "" : "s"}`
  }

  const about = () => {
    const found = templates.find(({ name }) => name === fields.template.value)
    find("about").textContent = found ? `${found.subject} · in doubt: ${found.in_doubt} · given up after ${spelled(found.expire_after_s)}` : ""
    curl()
  }

  fields.key.addEventListener("change", async () => {
    const answer = await ask("GET", "/v1/templates").catch(lost)
    if (answer.status !== 200) { show(answer); return }
    templates = answer.said.templates
    fields.template.replaceChildren(...templates.map(({ name }) => new Option(name, name)))
    fields.template.disabled = false
    about()
  })
  fields.template.addEventListener("change", about)
  form.addEventListener("input", curl)
  form.addEventListener("submit", async (event) => {
    event.preventDefault()
    let asked
    try { asked = letter() } catch (error) { show({ status: 0, said: { error: `the data is not JSON: ${error.message}` } }); return }
    const path = event.submitter?.value === "send" ? "/v1/messages" : "/v1/render"
    show(await ask("POST", path, asked).catch(lost))
  })
  find("again").addEventListener("click", async () => show(await ask("GET", `/v1/messages/${last}`).catch(lost)))
  curl()
}
