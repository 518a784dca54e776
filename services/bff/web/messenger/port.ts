/** Finds the page that embeds the Messenger, if it is one that may. */
import { HELLO, PORT } from './protocol'

/** Says hello to the parent and waits for its port. An origin that is not on the page's list is not heard. */
export function meet(origins: readonly string[], parent: Window, self: Window = window): Promise<MessagePort> {
  return new Promise((resolve) => {
    const listen = (event: MessageEvent) => {
      if (event.source !== parent || event.data !== PORT || !allowed(event.origin, origins)) return
      const port = event.ports[0]
      if (!port) return
      self.removeEventListener('message', listen)
      resolve(port)
    }
    self.addEventListener('message', listen)
    // carries nothing, so it may go to whoever is there
    parent.postMessage(HELLO, '*')
  })
}

/**
 * An exact origin, `https://*.example.com` for one label more on the left, or `http://localhost:*` for
 * every port of a machine's own.
 */
export function allowed(origin: string, origins: readonly string[]): boolean {
  return origins.some((pattern) => {
    if (pattern === origin) return true
    if (pattern.endsWith(':*')) return origin === pattern.slice(0, -2) || origin.startsWith(pattern.slice(0, -1))
    const [scheme = '', host = ''] = pattern.split('://*.')
    if (!host) return false
    const rest = `.${host}`
    if (!origin.startsWith(`${scheme}://`) || !origin.endsWith(rest)) return false
    const label = origin.slice(scheme.length + 3, -rest.length)
    return label.length > 0 && !label.includes('.')
  })
}
