import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { around, choose, direction, speak, spoken, t } from '.'
import en from './locales/en.json'
import { pseudo } from './pseudo'
import { day, relative } from './time'

const FOLDER = join(import.meta.dirname, 'locales')
const PLURALS = /_(zero|one|two|few|many|other)$/
afterEach(() => {
  vi.unstubAllGlobals()
  return speak(['en'])
})

const locales = readdirSync(FOLDER)
  .map((file) => file.replace('.json', ''))
  .filter((locale) => locale !== 'en')

describe.each(locales)('%s', (locale) => {
  const texts: Record<string, string> = JSON.parse(readFileSync(join(FOLDER, `${locale}.json`), 'utf8'))
  const categories = new Intl.PluralRules(locale).resolvedOptions().pluralCategories

  it('has every text, with every plural that the language has or "other"', () => {
    for (const key of Object.keys(en)) {
      if (!PLURALS.test(key)) expect(texts[key], key).toBeTruthy()
      else expect(texts[key.replace(PLURALS, '_other')], key).toBeTruthy()
    }
    for (const key of Object.keys(texts)) {
      const plural = PLURALS.exec(key)?.[1]
      if (plural && !(key in en)) expect(categories, key).toContain(plural)
    }
  })

  it('begins what a tab says of its number with the word that is seen on it', () => {
    for (const [key, text] of Object.entries(texts)) {
      const tab = /^tab\.(messages|tickets)_/.exec(key)?.[1]
      if (tab) expect(text.startsWith(texts[tab] ?? key), `${key}: ${text}`).toBe(true)
    }
  })

  it('has the places for values that English has', () => {
    const places = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort()
    for (const [key, text] of Object.entries(en))
      if (!PLURALS.test(key)) expect(places(texts[key] ?? ''), key).toEqual(places(text))
  })
})

describe('the language', () => {
  it('is the first wish that there are texts for, exactly or nearly', () => {
    expect(choose(['pt-PT', 'de'])).toBe('pt-BR')
    expect(choose(['xx', 'de-AT'])).toBe('de')
    expect(choose(['PT-br'])).toBe('pt-BR')
    expect(choose([])).toBe('en')
    expect(choose(['en-GB', 'de'])).toBe('en')
  })

  it('turns the page round for Arabic and Hebrew', async () => {
    await speak(['ar'])
    expect(spoken.value.dir).toBe('rtl')
    expect(t('tab.tickets', { count: 2 })).toBe('التذاكر، تحديثان غير مقروءين')
    await speak(['he'])
    expect(spoken.value.dir).toBe('rtl')
  })

  it('is written as the browser says, else as a table does', () => {
    const was = Intl.Locale
    for (const [told, dir] of [
      [{ getTextInfo: () => ({ direction: 'rtl' }) }, 'rtl'],
      [{ textInfo: { direction: 'rtl' } }, 'rtl'],
      [{}, 'ltr']
    ]) {
      vi.stubGlobal('Intl', {
        ...Intl,
        Locale: function Locale(name: string) {
          return { language: new was(name).language, ...(told as object) }
        }
      })
      expect(direction('fa')).toBe(dir)
      expect(direction('he-IL')).toBe('rtl')
    }
  })

  it('is the one that was asked for last, whichever arrives first', async () => {
    await Promise.all([speak(['de']), speak(['en'])])
    expect(t('home')).toBe('Home')
    await Promise.all([speak(['de']), speak(['fr'])])
    expect(spoken.value.locale).toBe('fr')
  })

  it('counts', () => {
    expect(t('tab.messages', { count: 1 })).toBe('Messages, 1 unread conversation')
    expect(t('tab.tickets', { count: 2 })).toBe('Tickets, 2 unread updates')
  })

  it('takes a value as text, even one that looks like a place', () => {
    expect(t('hi', { name: '{count}' })).toBe('Hi {count} 👋')
  })

  it('can be cut at a value, so that it stands out', () => {
    expect(around('conversation.event', 'status')).toEqual(['Ticket status changed to ', ''])
  })

  it('says every call to action in the words that were agreed', () => {
    expect([t('cta.send'), t('cta.continue'), t('cta.view')]).toEqual([
      'Send a Message',
      'Continue the Conversation',
      'View the Conversation'
    ])
  })

  it('has a pseudo-locale 40 % longer that leaves the places alone', () => {
    const text = pseudo('Hi {name}, welcome')
    expect(text).toContain('{name}')
    expect(text.length).toBeGreaterThanOrEqual('Hi {name}, welcome'.length * 1.4)
  })
})

describe('the time', () => {
  const at = Date.parse('2026-11-23T12:00:00Z')
  const ago = (seconds: number) => relative(new Date(at - seconds * 1000).toISOString(), at, 'en')

  it('is told in the words of the nearest unit', () => {
    expect(ago(20)).toBe('Just now')
    expect(ago(5 * 60)).toBe('5m ago')
    expect(ago(3 * 3600)).toBe('3h ago')
    expect(ago(2 * 86400)).toBe('2d ago')
    expect(ago(77 * 86400)).toBe('Sep 7')
    expect(ago(800 * 86400)).toBe('Sep 14, 2024')
  })

  it('of a clock that is ahead is now', () => {
    expect(ago(-3600)).toBe('Just now')
  })

  it('of nothing is nothing', () => {
    expect(relative('')).toBe('')
  })

  it('names the days of a thread', () => {
    const local = (hours: number) => new Date(new Date(2026, 10, 23, 12).getTime() - hours * 3_600_000).toISOString()
    const noon = new Date(2026, 10, 23, 12).getTime()
    expect(day(local(1), noon)).toBe('Today')
    expect(day(local(24), noon)).toBe('Yesterday')
    expect(day(local(72), noon)).toBe('Friday')
  })
})
