import { signal } from '@preact/signals'
import { spoken, t } from '.'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** The time that is shown against; moved every 30 s while somebody looks. */
export const now = signal(Date.now())

export function startTicking() {
  const tick = () => {
    if (document.visibilityState === 'visible') now.value = Date.now()
  }
  setInterval(tick, 30_000)
  document.addEventListener('visibilitychange', tick)
}

/** "5m ago" within a week, then the date. A time to come, from a clock that is ahead, is now. */
export function relative(iso: string, at: number = now.value, locale = spoken.value.locale): string {
  const time = Date.parse(iso)
  if (Number.isNaN(time)) return ''
  const age = at - time
  const ago = (value: number, unit: Intl.RelativeTimeFormatUnit) =>
    new Intl.RelativeTimeFormat(locale, { style: 'narrow', numeric: 'always' }).format(-Math.floor(value), unit)
  if (age < MINUTE) return t('just_now')
  if (age < HOUR) return ago(age / MINUTE, 'minute')
  if (age < DAY) return ago(age / HOUR, 'hour')
  if (age < 7 * DAY) return ago(age / DAY, 'day')
  const sameYear = new Date(time).getFullYear() === new Date(at).getFullYear()
  return new Intl.DateTimeFormat(locale, {
    month: 'short',
    day: 'numeric',
    ...(sameYear ? {} : { year: 'numeric' })
  }).format(time)
}

/** The whole of it, for those who want to know. */
export function full(iso: string): string {
  const time = Date.parse(iso)
  if (Number.isNaN(time)) return ''
  return new Intl.DateTimeFormat(spoken.value.locale, { dateStyle: 'full', timeStyle: 'long' }).format(time)
}

/** Date and time, short. */
export function moment(iso: string): string {
  const time = Date.parse(iso)
  if (Number.isNaN(time)) return ''
  return new Intl.DateTimeFormat(spoken.value.locale, {
    month: 'short',
    day: 'numeric',
    hour: 'numeric',
    minute: '2-digit'
  }).format(time)
}

/** Time of day. */
export function clock(at: number | string): string {
  const time = new Date(at).getTime()
  if (Number.isNaN(time)) return ''
  return new Intl.DateTimeFormat(spoken.value.locale, { hour: 'numeric', minute: '2-digit' }).format(time)
}

/** A day in a thread: "Today", "Yesterday", a weekday within a week, else the date. */
export function day(iso: string, at: number = now.value): string {
  const time = new Date(iso)
  if (Number.isNaN(time.getTime())) return ''
  const midnight = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime()
  // days have 23 to 25 hours
  const days = Math.round((midnight(new Date(at)) - midnight(time)) / DAY)
  if (days <= 0) return t('today')
  if (days === 1) return t('yesterday')
  return new Intl.DateTimeFormat(
    spoken.value.locale,
    days < 7 ? { weekday: 'long' } : { month: 'long', day: 'numeric', year: 'numeric' }
  ).format(time)
}
