/** A page of somebody's that embeds the Messenger, on a server of its own. */
import { createServer } from 'node:http'

/** Listens on this machine at a port that nobody has; gives the address. */
export const listening = (server, name = '127.0.0.1') =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(`http://${name}:${server.address().port}`)))

/**
 * Text that would move if anything pushed it, and the snippet, which takes the loader from `base`; without `settings`
 * the same page and no Messenger.
 */
export async function hostPage(base, settings, name) {
  const snippet = settings
    ? `<script>window.messengerSettings=${JSON.stringify({ api_base: base, ...settings })}</script>
<script async src="${base}/loader.js"></script>`
    : ''
  const html = `<!doctype html><html lang="en"><head><title>Host</title></head><body><h1>Host</h1>
${'<p>What a page says.</p>\n'.repeat(40)}${snippet}</body></html>`
  const server = createServer((_, answer) => {
    answer.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(html)
  })
  const url = await listening(server, name)
  return { url, close: () => server.close() }
}

/** A token of a customer, as the demo shop's server signs it. */
export async function userToken(suite, user) {
  return (await fetch(`${suite.shop}/token/web/${user}`, { method: 'POST' })).text()
}

/**
 * What a page goes through from its first line on: everything that moves without anybody having touched it, every
 * task over 50 ms, and in frames that took as long, what the loader's script did. Read as `window.seen`.
 */
export const WATCHING = () => {
  window.seen = { shifts: [], long: [], loader: [] }
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.seen.shifts.push(entry.value)
  }).observe({ type: 'layout-shift', buffered: true })
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.seen.long.push(Math.round(entry.duration))
  }).observe({ type: 'longtask', buffered: true })
  new PerformanceObserver((list) => {
    for (const { scripts } of list.getEntries())
      for (const { sourceURL, duration } of scripts)
        if (sourceURL.endsWith('/loader.js')) window.seen.loader.push(Math.round(duration))
  }).observe({ type: 'long-animation-frame', buffered: true })
}
