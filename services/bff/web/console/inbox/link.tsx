/** Choosing the conversation that a ticket belongs to. */
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { useDesk } from '../context'
import { moment, t } from '../i18n'
import type { Contact, Conversation, Ticket } from '../model'
import { type Failure, failure } from '../state/failure'
import { Dialog, nameOf, Problem, Skeleton, Wrong } from '../ui/parts'

interface LinkProps {
  ticket: Ticket
  requesters: Contact[]
  problem: string | undefined
  close: () => void
}

export function LinkDialog({ ticket, requesters, problem, close }: LinkProps) {
  const desk = useDesk()
  const chosen = useSignal('')
  const { found, why, next, more, again } = useThreads(ticket.requesterIds)
  const name = (id: string) => nameOf(requesters.find((one) => one.id === id))
  return (
    <Dialog title={t('link.title')} close={close}>
      <p class="muted">{t('link.hint')}</p>
      {why ? (
        <Problem text={t('link.failed')} why={why} again={again} />
      ) : !found ? (
        <Skeleton rows={3} />
      ) : found.length === 0 ? (
        <p>{t('link.empty')}</p>
      ) : (
        <form
          id="link-form"
          onSubmit={async (event) => {
            event.preventDefault()
            if (chosen.value && (await desk.work.link(ticket, chosen.value))) close()
          }}
        >
          <fieldset class="choices">
            <legend class="hidden">{t('link.title')}</legend>
            {found.map(({ contactId, one }) => (
              <label key={one.id} class="choice">
                <input
                  type="radio"
                  name="conversation"
                  value={one.id}
                  checked={chosen.value === one.id}
                  onChange={() => (chosen.value = one.id)}
                />
                <span>
                  <span class="choice-text" dir="auto">
                    {one.preview || t('conversation.empty')}
                  </span>
                  <span class="muted">
                    {requesters.length > 1 && `${name(contactId)} · `}
                    {t(one.closed ? 'conversation.closed' : 'conversation.open')} ·{' '}
                    {t('conversation.began', { time: moment(one.createTime) })}
                  </span>
                </span>
              </label>
            ))}
          </fieldset>
          {next && (
            <button type="button" class="plain" onClick={more}>
              {t('more')}
            </button>
          )}
        </form>
      )}
      <Wrong text={problem} />
      <div class="buttons">
        <button type="button" class="button" onClick={close}>
          {t('cancel')}
        </button>
        <button
          type="submit"
          form="link-form"
          class="button main"
          disabled={!chosen.value || desk.work.busy.value === 'link'}
        >
          {t('link.do')}
        </button>
      </div>
    </Dialog>
  )
}

/** The conversations of all requesters, newest first. */
function useThreads(contactIds: string[]) {
  const desk = useDesk()
  const found = useSignal<{ contactId: string; one: Conversation }[]>()
  const why = useSignal<Failure>()
  const tokens = useSignal<Record<string, string>>({})
  const load = async (from: Record<string, string>, held: { contactId: string; one: Conversation }[]) => {
    why.value = undefined
    try {
      const pages = await Promise.all(
        Object.entries(from).map(async ([contactId, token]) => ({
          contactId,
          page: await desk.api.threads(contactId, token)
        }))
      )
      tokens.value = Object.fromEntries(
        pages.flatMap(({ contactId, page }) => (page.next ? [[contactId, page.next]] : []))
      )
      const ids = new Set(held.map(({ one }) => one.id))
      const fresh = pages.flatMap(({ contactId, page }) => page.rows.map((one) => ({ contactId, one })))
      found.value = [...held, ...fresh.filter(({ one }) => !ids.has(one.id) && ids.add(one.id))]
    } catch (thrown) {
      why.value = failure(thrown)
    }
  }
  const begin = () => load(Object.fromEntries(contactIds.map((id) => [id, ''])), [])
  useEffect(() => {
    begin()
  }, [])
  return {
    found: found.value,
    why: why.value,
    next: Object.keys(tokens.value).length > 0,
    more: () => load(tokens.value, found.value ?? []),
    again: begin
  }
}
