import { describe, expect, it } from 'vitest'
import * as model from './model'

const at = (epoch: number, contact: number, settings: number) => ({
  epoch: BigInt(epoch),
  contact: BigInt(contact),
  settings: BigInt(settings)
})

describe('what comes from the server', () => {
  it('replaces what is shown only if no component is older', () => {
    expect(model.follows(at(1, 5, 2), at(1, 5, 2))).toBe(true)
    expect(model.follows(at(1, 4, 2), at(1, 5, 2))).toBe(false)
    expect(model.follows(at(1, 6, 1), at(1, 5, 2))).toBe(false)
    // badges were rebuilt: their versions begin anew
    expect(model.follows(at(2, 1, 2), at(1, 5, 2))).toBe(true)
    expect(model.follows(at(1, 9, 2), at(2, 1, 2))).toBe(false)
  })

  it('keeps versions that a number of this language cannot hold', () => {
    expect(model.token({ epoch: '9007199254740993' }).epoch).toBe(9007199254740993n)
  })

  it('shows a badge that is absent as absent, not as zero (B6)', () => {
    expect(model.home({ badges: { messages: 2 } }).badges).toEqual({ tickets: undefined, messages: 2 })
  })

  it('shows the spaces that are visible, in their order (S1)', () => {
    const spaces = [
      { space: 'SPACE_HOME', visible: true },
      { space: 'SPACE_MESSAGES', visible: true },
      { space: 'SPACE_TICKETS' }
    ] as const
    expect(model.home({ spaces: [...spaces] }).tabs).toEqual(['home', 'messages'])
  })

  it('shows a ticket without a button when its conversation is not known (D2)', () => {
    expect(model.ticket({ callToAction: { kind: 'CALL_TO_ACTION_KIND_UNAVAILABLE' } }).action).toBe('unavailable')
    expect(model.ticket({}).action).toBe('unavailable')
  })

  it('leaves out parts of a kind that it does not know', () => {
    expect(model.part({ kind: 'PART_KIND_LATER' as never, seq: '1' })).toBeUndefined()
  })

  it('turns the history round: newest first', () => {
    const history = [{ revision: '1' }, { revision: '2' }]
    expect(model.ticket({ history }).history.map((update) => update.revision)).toEqual([2, 1])
  })
})
