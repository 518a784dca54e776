'use strict'

// What a shop's page does to show the Messenger; the customer and the looks are in the address, to be shared.
const meta = (name) => document.querySelector(`meta[name=${name}]`).content
const asked = new URLSearchParams(location.search)
const field = (id) => document.getElementById(id)

for (const [id, parameter] of [['customer', 'user'], ['language', 'lang'], ['theme', 'theme']]) {
  const select = field(id)
  if (asked.has(parameter)) select.value = asked.get(parameter)
  select.addEventListener('change', () => {
    const to = new URL(location.href)
    to.searchParams.set(parameter, select.value)
    location.href = to
  })
}

const customer = field('customer').value
const platform = asked.get('platform') ?? 'web'
window.messengerSettings = {
  app_id: meta('app'),
  api_base: meta('bff'),
  user_id: customer || undefined,
  platform,
  theme_mode: field('theme').value,
  language_override: field('language').value || undefined,
  action_color: asked.get('color') ?? undefined,
  custom_launcher_selector: '#help',
  // for a visitor there is nobody to vouch
  getUserJwt: customer
    ? async () => {
        const answer = await fetch(`/token/${platform}/${customer}`, { method: 'POST' })
        return answer.ok ? answer.text() : undefined
      }
    : undefined
}

// the queue that the loader takes over
const queue = (...call) => queue.q.push(call)
queue.q = []
window.Messenger = queue

const log = (line) => {
  const box = field('log')
  box.textContent = [line, ...box.textContent.split('\n')].slice(0, 6).join('\n')
}
window.Messenger('onUnreadCountChange', (total, counts) => {
  const badge = field('unread')
  badge.hidden = !total
  badge.textContent = total
  log(`onUnreadCountChange(${total}, ${JSON.stringify(counts)})`)
})
window.Messenger('onTicketUpdate', (ticket) => log(`onTicketUpdate(${JSON.stringify(ticket)})`))
window.Messenger('onShow', () => log('onShow()'))
window.Messenger('onHide', () => log('onHide()'))
window.Messenger('onSessionExpired', () => log('onSessionExpired()'))
for (const button of document.querySelectorAll('[data-call]')) {
  button.addEventListener('click', () => window.Messenger(...JSON.parse(button.dataset.call)))
}
