/** Times in the language that is spoken. */
import * as time from '../../kit/time'
import { now } from '../../kit/time'
import { spoken, t } from '.'

export { now, startTicking } from '../../kit/time'

const locale = () => spoken.value.locale

export const relative = (iso: string, at: number = now.value, of = locale()) =>
  time.relative(iso, at, of, t('just_now'))

export const full = (iso: string) => time.full(iso, locale())

export const moment = (iso: string) => time.moment(iso, locale())

export const clock = (at: number | string) => time.clock(at, locale())

export const day = (iso: string, at: number = now.value) =>
  time.day(iso, at, locale(), { today: t('today'), yesterday: t('yesterday') })
