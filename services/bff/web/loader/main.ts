/** Takes the place of the snippet's queue and carries out what is in it. */
import { createMessenger, onPage } from './messenger'

// biome-ignore lint/suspicious/noExplicitAny: the page's own names
const page = window as any
const script = document.currentScript
const origin = script instanceof HTMLScriptElement ? new URL(script.src).origin : location.origin

// twice on one page is once
if (!page.Messenger?.loaded) {
  const queued: unknown[][] = Array.from(page.Messenger?.q ?? [], (call) => Array.from(call as ArrayLike<unknown>))
  const api = Object.assign(createMessenger(origin), { loaded: true })
  page.Messenger = api
  const { app_id, intercom_compat } = onPage()
  if (intercom_compat && !page.Intercom) page.Intercom = api
  if (app_id && !queued.some(([method]) => method === 'boot')) api('boot')
  for (const [method, ...values] of queued) api(method, ...values)
}
