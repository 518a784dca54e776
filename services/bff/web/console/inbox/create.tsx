/** A new ticket for somebody who has asked for one. */
import { useSignal } from '@preact/signals'
import { useMemo, useRef } from 'preact/hooks'
import { useDesk } from '../context'
import { t } from '../i18n'
import type { Contact } from '../model'
import { failure } from '../state/failure'
import { says } from '../state/says'
import { Dialog, Wrong } from '../ui/parts'
import { ContactPicker } from '../ui/people'
import { TicketWords } from './words'

/** Customers who are offered before one looks for anybody. */
const OFFERED = 8

export function CreateDialog({ close }: { close: () => void }) {
  const desk = useDesk()
  const inView = desk.opened.opened.value.detail
  // the window offers whom it opened with, whatever the list does behind it
  const contacts = useMemo(() => {
    const all = [...(inView?.requesters ?? []), ...desk.inbox.list.value.rows.flatMap((row) => row.requester ?? [])]
    return [...new Map(all.map((one): [string, Contact] => [one.id, one])).values()].slice(0, OFFERED)
  }, [])
  /** The id under which the same was sent before. */
  const sent = useRef({ key: '', requestId: '' })
  const types = desk.team.value?.types.filter((type) => !type.archived) ?? []
  // somebody who is only in the list is not taken for granted
  const requester = useSignal<Contact | undefined>(inView?.requesters[0])
  const missing = useSignal(false)
  const type = useSignal(types[0]?.id ?? '')
  const here = useSignal(false)
  const title = useSignal('')
  const description = useSignal('')
  const busy = useSignal(false)
  const problem = useSignal('')
  const chosen = types.find((one) => one.id === type.value)
  const ofView =
    inView?.ticket.conversationId && inView.ticket.requesterIds.includes(requester.value?.id ?? '')
      ? inView.ticket.conversationId
      : ''
  const create = async (requesterContactId: string) => {
    busy.value = true
    problem.value = ''
    const body = {
      requesterContactId,
      typeId: type.value,
      title: title.value.trim(),
      description: description.value.trim(),
      conversationId: here.value ? ofView : ''
    }
    const key = JSON.stringify(body)
    if (sent.current.key !== key) sent.current = { key, requestId: crypto.randomUUID() }
    try {
      const ticket = await desk.api.create({ requestId: sent.current.requestId, ...body })
      close()
      desk.tell(t('create.done', { number: ticket.number }))
      desk.follow(desk.ticketAddress(ticket.id))
      desk.reloadList()
    } catch (thrown) {
      problem.value = says(failure(thrown), 'ticket')
    }
    busy.value = false
  }
  return (
    <Dialog title={t('create.title')} close={close}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault()
          missing.value = !requester.value
          problem.value = missing.value ? t('create.for_whom') : ''
          if (!requester.value) document.getElementById('create-requester')?.focus()
          else if (title.value.trim() && !busy.value) create(requester.value.id)
        }}
      >
        <ContactPicker
          id="create-requester"
          label={t('requester')}
          chosen={requester.value}
          choose={(contact) => {
            requester.value = contact
            here.value = false
            missing.value = false
          }}
          offered={contacts}
          placeholder={t('contact.find')}
          invalid={missing.value}
        />
        <label>
          {t('type')}
          <select
            value={type.value}
            aria-describedby="type-hint"
            onChange={(event) => (type.value = event.currentTarget.value)}
          >
            {types.map((one) => (
              <option key={one.id} value={one.id}>
                {one.name}
              </option>
            ))}
          </select>
        </label>
        <p class="muted" id="type-hint">
          {chosen && t(chosen.customer ? 'type.customer' : 'type.back_office')}
        </p>
        <TicketWords title={title} description={description} />
        {ofView && (
          <label class="check">
            <input
              type="checkbox"
              checked={here.value}
              onChange={(event) => (here.value = event.currentTarget.checked)}
            />
            {t('create.here', { number: inView?.ticket.number ?? 0 })}
          </label>
        )}
        <Wrong text={problem.value} />
        <div class="buttons">
          <button type="button" class="button" onClick={close}>
            {t('cancel')}
          </button>
          <button type="submit" class="button main" disabled={busy.value}>
            {t('create.do')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
