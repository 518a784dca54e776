import { useLayoutEffect, useRef } from 'preact/hooks'
import { useDesk } from '../context'
import { t } from '../i18n'
import type { Place } from '../place'
import { ListPane } from './list'
import { TicketPane } from './ticket'

export function InboxPage({ place }: { place: Extract<Place, { page: 'inbox' }> }) {
  const desk = useDesk()
  const left = useRef('')
  // who comes back from a ticket stands where they left
  useLayoutEffect(() => {
    if (!place.ticket && left.current && desk.arriving.value) {
      const row = document.querySelector<HTMLElement>(`[data-row="${CSS.escape(left.current)}"]`)
      if (row) {
        desk.arriving.value = false
        row.focus()
      }
    }
    left.current = place.ticket
  }, [desk, place.ticket])
  return (
    <div class={place.ticket ? 'inbox open' : 'inbox'}>
      <ListPane filter={place.filter} current={place.ticket} />
      {place.ticket ? (
        <TicketPane key={place.ticket} />
      ) : (
        <div class="pane none">
          <p class="muted">{t('ticket.none')}</p>
        </div>
      )}
    </div>
  )
}
