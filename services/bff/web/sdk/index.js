/** Every call goes to `window.Messenger`, which queues until the loader is there. */
const page = typeof window === 'undefined' ? undefined : window

function call(method, ...values) {
  if (!page) return undefined
  if (typeof page.Messenger !== 'function') {
    const queue = (...queued) => {
      queue.q.push(queued)
    }
    queue.q = []
    page.Messenger = queue
  }
  return page.Messenger(method, ...values)
}

function load({ api_base: base, csp_nonce: nonce } = {}) {
  if (!page || !base || page.document.querySelector('script[data-msgr]')) return
  const script = page.document.createElement('script')
  script.async = true
  script.dataset.msgr = ''
  if (nonce) script.nonce = nonce
  try {
    script.src = `${base}/loader.js`
  } catch (error) {
    // a page that asks for trusted types has the loader's tag in itself
    console.warn(`Messenger: the page's policy does not let the loader be added to it: ${error}`)
  }
  ;(page.document.head ?? page.document.documentElement).append(script)
}

export const boot = (settings) => {
  call('boot', settings)
  load(settings ?? undefined)
}
export default boot

export const update = (settings) => call('update', settings)
export const shutdown = () => call('shutdown')
export const show = () => call('show')
export const hide = () => call('hide')
export const showSpace = (space) => call('showSpace', space)
export const showMessages = () => call('showMessages')
export const showNewMessage = (text) => call('showNewMessage', text)
export const startConversation = (text) => call('startConversation', text)
export const showTicket = (id) => call('showTicket', id)
export const showConversation = (id) => call('showConversation', id)
export const hideNotifications = (hidden) => call('hideNotifications', hidden)
export const setUserJwt = (jwt) => call('setUserJwt', jwt)
export const whoami = () => call('whoami')
export const getVisitorId = () => call('getVisitorId')
export const trackEvent = (name, data) => call('trackEvent', name, data)
export const onShow = (callback) => call('onShow', callback)
export const onHide = (callback) => call('onHide', callback)
export const onUnreadCountChange = (callback) => call('onUnreadCountChange', callback)
export const onUserEmailSupplied = (callback) => call('onUserEmailSupplied', callback)
export const onReady = (callback) => call('onReady', callback)
export const onError = (callback) => call('onError', callback)
export const onSessionExpired = (callback) => call('onSessionExpired', callback)
export const onTicketUpdate = (callback) => call('onTicketUpdate', callback)
export const off = (event, callback) => call('off', event, callback)
