/** Changing what a ticket says of itself. */
import { useSignal } from '@preact/signals'
import { useDesk } from '../context'
import { t } from '../i18n'
import type { Ticket } from '../model'
import { Dialog, Wrong } from '../ui/parts'
import { TicketWords } from './words'

export function DescribeDialog({ ticket, close }: { ticket: Ticket; close: () => void }) {
  const desk = useDesk()
  // what was there when the window was opened
  const before = useSignal(ticket)
  const overtaken = useSignal('')
  const title = useSignal(ticket.title)
  const description = useSignal(ticket.description)
  const problem = desk.work.problem.value
  return (
    <Dialog title={t('details.edit_title')} close={close}>
      <form
        class="form"
        onSubmit={async (event) => {
          event.preventDefault()
          const now = desk.opened.opened.value.detail?.ticket ?? ticket
          const change: { title?: string; description?: string } = {}
          if (title.value.trim() !== before.value.title) change.title = title.value.trim()
          if (description.value.trim() !== before.value.description) change.description = description.value.trim()
          // somebody else's words are not written over by who has not seen them; that it was moved does not matter
          const theirs = (['title', 'description'] as const).find(
            (field) => change[field] !== undefined && now[field] !== before.value[field] && now[field] !== change[field]
          )
          if (theirs) {
            overtaken.value = t(`details.overtaken_${theirs}`, { text: now[theirs] })
            before.value = now
            return
          }
          overtaken.value = ''
          if (!title.value.trim()) return
          if (Object.keys(change).length === 0 || (await desk.work.describe(now, change))) close()
        }}
      >
        {ticket.shared && <p class="muted">{t('details.seen')}</p>}
        <TicketWords title={title} description={description} />
        <Wrong text={overtaken.value || (problem?.at === 'details' ? problem.text : undefined)} />
        <div class="buttons">
          <button type="button" class="button" onClick={close}>
            {t('cancel')}
          </button>
          <button type="submit" class="button main" disabled={desk.work.busy.value === 'details'}>
            {t('save')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
