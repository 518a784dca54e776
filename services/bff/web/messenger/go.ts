/** Where the host's page wants the customer to be. */
import type { App } from './app'
import type { Tab } from './model'
import type { Place } from './protocol'

const SPACES: readonly string[] = ['home', 'messages', 'tickets'] satisfies Tab[]

export function go(app: App, place: Place): void {
  if ('link' in place) go(app, named(place.link))
  else if ('unread' in place) toUnread(app)
  else if ('space' in place) {
    // a space that is hidden opens Home; before the first Home it is not known which are
    const home = app.home.value
    const space = place.space.toLowerCase() as Tab
    const shows = SPACES.includes(space) && (!home || home.degraded || home.tabs.includes(space))
    if (!shows) console.info(`Messenger: there is no space ${place.space} for this customer, so Home opens`)
    app.tell({ type: 'tab', tab: shows ? space : 'home' })
  } else if ('ticket' in place) {
    // without the space its detail opens over Messages
    const tab = app.tabs.value.includes('tickets') ? 'tickets' : 'messages'
    app.tell({ type: 'deep', tab, screen: { name: 'ticket', id: place.ticket } })
  } else if ('conversation' in place)
    app.tell({ type: 'deep', tab: 'messages', screen: { name: 'conversation', id: place.conversation } })
  else {
    app.drafts.value = { ...app.drafts.value, new: place.send ? '' : place.new }
    app.tell({ type: 'deep', tab: 'messages', screen: { name: 'new' } })
    if (place.send && place.new.trim()) app.write('new', place.new.trim())
  }
}

/** Nobody is taken away from where they have gone in the meantime. */
function toUnread(app: App): void {
  const from = app.where.value
  const done = app.home.subscribe((home) => {
    if (!home) return
    // there is no `done` yet where Home is known already
    queueMicrotask(() => done())
    if (home.badges.messages && app.where.value === from) app.tell({ type: 'tab', tab: 'messages' })
  })
}

/** The place that a link names: `ticket:12`, `tickets/12`, `conversation:…`, or a space. */
export function named(link: string): Place {
  const [, kind = '', id = ''] = /^(\w+)(?:[:/](.*))?$/s.exec(decoded(link)) ?? []
  if (id && /^tickets?$/.test(kind)) return { ticket: id }
  if (id && /^conversations?$/.test(kind)) return { conversation: id }
  return { space: kind }
}

/** An address writes some letters as numbers; what only looks so is left as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
