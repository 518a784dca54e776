import { Words } from '../../kit/text'
import { around, type Key, t } from '../i18n'
import { clock, full } from '../i18n/time'
import type { Part } from '../model'
import type { Outgoing } from '../state/thread'
import { Avatar } from './parts'

/** A bubble; several by one person are a group with one name. */
export function Message({ part, after }: { part: Part; after: Part | undefined }) {
  const { author } = part
  const same = after?.author.name === author.name && after.author.me === author.me
  const name = author.name || t('team')
  return (
    <div class={`message ${author.me ? 'mine' : 'theirs'}${same ? ' same' : ''}`}>
      {!author.me && !same && (
        <p class="who">
          <Avatar name={name} />
          <span dir="auto">{name}</span>
        </p>
      )}
      <div class="bubble" dir="auto">
        <Words text={part.body} />
      </div>
      <p class="when">
        <time dateTime={part.time} title={full(part.time)}>
          {clock(part.time)}
        </time>
        {author.me && ` · ${t('sent')}`}
      </p>
    </div>
  )
}

/** What happened to the ticket or the conversation. */
export function EventLine({ part, text, status }: { part: Part; text: Key; status?: string }) {
  const [before, after] = status ? around(text, 'status') : [t(text), '']
  return (
    <p class="event">
      {before}
      {status && <b dir="auto">{status}</b>}
      {after} ·{' '}
      <time dateTime={part.time} title={full(part.time)}>
        {clock(part.time)}
      </time>
    </p>
  )
}

/** A message that the server has not taken yet. */
export function Sending({ message, again }: { message: Outgoing; again: () => unknown }) {
  return (
    <div class={`message mine ${message.state}`}>
      <div class="bubble" dir="auto">
        <Words text={message.body} />
      </div>
      {message.state === 'failed' ? (
        <p class="when" role="alert">
          {t('not_sent')}{' '}
          <button type="button" class="plain" onClick={() => again()}>
            {t('try_again')}
          </button>
        </p>
      ) : (
        <p class="when">{t(message.state === 'waiting' ? 'waiting' : 'sending')}</p>
      )}
    </div>
  )
}
