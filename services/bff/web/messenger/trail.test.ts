import { describe, expect, it } from 'vitest'
import { Trail } from './trail'

/** A tab's history with a page in it, and a Messenger of so many screens over the page. */
function tab(before = 1, closes = true) {
  const entries: unknown[] = Array.from({ length: before }, () => null)
  let at = before - 1
  const moves: number[] = []
  let screens = 0
  const show = (many: number) => {
    screens = many
    trail.want(many)
  }
  const trail = new Trail(
    {
      get length() {
        return entries.length
      },
      pushState(state: unknown) {
        entries.splice(++at, entries.length, state)
      },
      go(by = 0) {
        moves.push(by)
      }
    },
    () => {
      // the panel itself the page around closes, a moment later
      if (closes || screens > 1) show(screens - 1)
    }
  )
  return {
    show,
    screens: () => screens,
    moves,
    entries,
    at: () => at,
    /** The browser arrives where it was asked to go, or where somebody pressed. */
    arrive(by: number) {
      at += by
      trail.popped(entries[at])
    },
    /** The page around adds an entry of its own. */
    hosts() {
      entries.splice(++at, entries.length, 'host')
    }
  }
}

describe('Back of a browser', () => {
  it('closes the detail, then the panel, then leaves the page', () => {
    const phone = tab()
    phone.show(1)
    phone.show(2)
    expect(phone.entries).toEqual([null, { msgr: 1 }, { msgr: 2 }])
    phone.arrive(-1)
    expect(phone.screens()).toBe(1)
    phone.arrive(-1)
    expect(phone.screens()).toBe(0)
    expect([phone.at(), phone.moves]).toEqual([0, []])
  })

  it('makes no new entry while the page around has not closed the panel yet', () => {
    const phone = tab(1, false)
    phone.show(1)
    phone.arrive(-1)
    expect(phone.at()).toBe(0)
    phone.show(0)
    expect([phone.at(), phone.moves]).toEqual([0, []])
  })

  it('that goes two at once closes two', () => {
    const phone = tab()
    phone.show(3)
    phone.arrive(-2)
    expect(phone.screens()).toBe(1)
  })

  it('has nothing left to go through once the panel was closed by its button', () => {
    const phone = tab()
    phone.show(2)
    phone.show(0)
    expect(phone.moves).toEqual([-2])
    phone.arrive(-2)
    expect([phone.at(), phone.screens()]).toEqual([0, 0])
  })

  it('closes nothing that was opened while the browser was still going back for us', () => {
    const phone = tab()
    phone.show(1)
    phone.show(0)
    phone.show(1)
    phone.arrive(-1)
    expect(phone.screens()).toBe(1)
    expect(phone.entries).toEqual([null, { msgr: 1 }])
    expect(phone.at()).toBe(1)
  })

  it('never takes back what the page around has put into the history', () => {
    const phone = tab()
    phone.show(1)
    phone.hosts()
    phone.show(0)
    expect(phone.moves).toEqual([])
    const long = tab(49)
    long.show(1)
    long.show(0)
    expect(long.moves).toEqual([])
  })

  it('is not undone by Forward: what was closed stays closed', () => {
    const phone = tab()
    phone.show(1)
    phone.arrive(-1)
    expect(phone.screens()).toBe(0)
    phone.arrive(1)
    expect(phone.screens()).toBe(0)
    expect(phone.moves).toEqual([-1])
  })
})
