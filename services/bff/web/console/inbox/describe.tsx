/** Changing what a ticket says of itself. */
import { useSignal } from '@preact/signals'
import { useDesk } from '../context'
import { t } from '../i18n'
import type { Ticket } from '../model'
import { Dialog, Wrong } from '../ui/parts'

/** In characters, as the server counts them. */
export const TITLE = 255
export const DESCRIPTION = 10_000

export function DescribeDialog({ ticket, close }: { ticket: Ticket; close: () => void }) {
  const desk = useDesk()
  const title = useSignal(ticket.title)
  const description = useSignal(ticket.description)
  const problem = desk.work.problem.value
  return (
    <Dialog title={t('details.edit_title')} close={close}>
      <form
        class="form"
        onSubmit={async (event) => {
          event.preventDefault()
          // as it is now: while this was open, somebody else may have moved it
          const now = desk.opened.opened.value.detail?.ticket ?? ticket
          if (title.value.trim() && (await desk.work.describe(now, title.value.trim(), description.value.trim())))
            close()
        }}
      >
        {ticket.shared && <p class="muted">{t('details.seen')}</p>}
        <label>
          {t('title')}
          <input
            type="text"
            required
            maxLength={TITLE}
            dir="auto"
            value={title.value}
            onInput={(event) => (title.value = event.currentTarget.value)}
          />
        </label>
        <label>
          {t('description')}
          <textarea
            rows={6}
            maxLength={DESCRIPTION}
            dir="auto"
            value={description.value}
            onInput={(event) => (description.value = event.currentTarget.value)}
          />
        </label>
        <Wrong text={problem?.at === 'details' ? problem.text : undefined} />
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
