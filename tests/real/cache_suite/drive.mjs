// Drives the public test suite of HTTP caches, whose folder is the first argument:
//
//     node drive.mjs SUITE serve PORT           the origin of the suite, on 127.0.0.1
//     node drive.mjs SUITE ask BASE [TEST]      asks it through the cache at BASE, by HTTP/1.1, and by
//                                               HTTP/2 where BASE is https; prints a line a test: its
//                                               kind, its result, its name, and why. With TEST: that
//                                               one, and what was said on the wire
import http from 'node:http'
import http2 from 'node:http2'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const [suite, task, where, only] = process.argv.slice(2)
const load = async file => import(pathToFileURL(path.join(suite, file)).href)

async function serve (port) {
  const parts = ['config', 'test', 'state']
  const handlers = {}
  for (const part of parts) handlers[part] = (await load(`server/handle-${part}.mjs`)).default
  const server = http.createServer((request, response) => {
    const [, part, ...segments] = new URL(request.url, 'http://origin/').pathname.split('/')
    const handler = handlers[part]
    if (handler) return handler(segments, request, response)
    response.writeHead(404)
    response.end()
  })
  server.listen(port, '127.0.0.1')
}

// What the suite asks of an answer: a status, fields by any case of their names, and a body.
function answer (status, fields, body) {
  const all = new Map()
  for (const [name, value] of fields) {
    const before = all.get(name.toLowerCase())
    all.set(name.toLowerCase(), before === undefined ? value : `${before}, ${value}`)
  }
  const headers = {
    get: name => all.get(name.toLowerCase()) ?? null,
    has: name => all.has(name.toLowerCase()),
    [Symbol.iterator]: () => all[Symbol.iterator]()
  }
  return { status, headers, text: () => Promise.resolve(body) }
}

function gathered (stream, status, fields, done, failed) {
  const pieces = []
  stream.on('data', piece => pieces.push(piece))
  stream.on('end', () => done(answer(status(), fields(), Buffer.concat(pieces).toString())))
  stream.on('error', failed)
}

const agent = new http.Agent({ keepAlive: true })

function askHttp1 (address, { method = 'GET', headers = [], body } = {}) {
  const url = new URL(address)
  return new Promise((resolve, reject) => {
    const fields = [['Host', url.host], ...headers]
    if (body !== undefined) fields.push(['Content-Length', Buffer.byteLength(body)])
    const request = http.request(url, { method, agent, headers: fields.flat().map(String) }, response => {
      const raw = response.rawHeaders
      const pairs = raw.flatMap((name, at) => at % 2 ? [] : [[name, raw[at + 1]]])
      gathered(response, () => response.statusCode, () => pairs, resolve, reject)
    })
    request.on('error', reject)
    request.end(body)
  })
}

let session

function askHttp2 (address, { method = 'GET', headers = [], body } = {}) {
  const url = new URL(address)
  session ??= http2.connect(url.origin, { rejectUnauthorized: false })
  return new Promise((resolve, reject) => {
    const fields = { ':method': method, ':path': url.pathname + url.search }
    for (const [name, value] of headers) {
      const lower = name.toLowerCase()
      fields[lower] = lower in fields ? `${fields[lower]}, ${value}` : String(value)
    }
    const stream = session.request(fields, { endStream: body === undefined })
    let head
    stream.on('response', came => { head = came })
    const pairs = () => Object.entries(head).filter(([name]) => !name.startsWith(':'))
      .flatMap(([name, value]) => [value].flat().map(one => [name, one]))
    gathered(stream, () => head[':status'], pairs, resolve, reject)
    if (body !== undefined) stream.end(body)
  })
}

async function ask (base, only) {
  const suites = (await load('tests/index.mjs')).default
  const { runTests, getResults } = await load('client/runner.mjs')
  const tests = suites.flatMap(suite => suite.tests).filter(test => !test.browser_only)
  const asked = tests.filter(test => only === undefined || test.id === only)
  for (const test of asked) test.dump = only !== undefined
  const over = base.startsWith('https:') ? askHttp2 : askHttp1
  await runTests([{ tests: asked }], over, false, base)
  const [byId, results] = [new Map(tests.map(test => [test.id, test])), getResults()]
  // As the suite judges: what a test depends on comes first, then what it needs to begin.
  const judge = test => {
    const result = results[test.id]
    if (result === undefined) return 'unasked'
    for (const id of test.depends_on ?? []) {
      if (judge(byId.get(id)) !== 'passed') return 'idle'
    }
    return result === true ? 'passed' : result[0] === 'Setup' ? 'idle' : 'failed'
  }
  for (const test of asked) {
    const why = results[test.id] === true ? '' : results[test.id]?.join(': ')
    console.log([test.kind ?? 'required', judge(test), test.id, why].join('\t'))
  }
  process.exit(0)
}

await (task === 'serve' ? serve(Number(where)) : ask(where, only))
