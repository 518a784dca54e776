import { describe, expect, it, vi } from 'vitest'
import type { Client } from '../rpc/connect'
import { RpcError } from '../rpc/errors'
import type { Proof } from './protocol'
import { Session } from './session'
import { read, written } from './visitor'

type Answer = string | RpcError | { visitorSecret?: string; merged?: boolean }

/** A session whose server and host answer so, in this order. */
function session(answers: Answer[], proofs: Proof[]) {
  const asked: object[] = []
  const unary = vi.fn(async (method: string, body: object) => {
    if (!method.startsWith('SessionService/CreateSession')) return {}
    asked.push(body)
    const answer = answers.shift()
    if (answer === undefined || answer instanceof RpcError) throw answer ?? new RpcError('unauthenticated')
    const more = typeof answer === 'string' ? { accessToken: answer } : { accessToken: 'token', ...answer }
    return { ...more, expireTime: new Date(Date.now() + 900_000).toISOString() }
  })
  const client = { unary } as unknown as Client
  const ask = vi.fn(async () => proofs.shift() ?? {})
  const keep = vi.fn()
  const made = new Session(() => client, { id: 'app_1', platform: 'PLATFORM_WEB' }, ask, keep)
  return { made, unary, ask, keep, asked }
}

const user = (answers: Answer[], jwts: (string | undefined)[]) =>
  session(
    answers,
    jwts.map((jwt) => ({ jwt }))
  )
const app = { appId: 'app_1', platform: 'PLATFORM_WEB' }

describe('the session', () => {
  it('is opened once for all who wait for it', async () => {
    const { made, ask } = user(['token'], ['jwt'])
    await Promise.all([made.ensure(), made.ensure(), made.ensure()])
    expect(ask).toHaveBeenCalledTimes(1)
    expect(made.bearer()).toBe('token')
    expect(made.status.value).toBe('ready')
  })

  it('that was never there is refused, one that ended signs out', async () => {
    const never = user([new RpcError('unauthenticated')], ['bad'])
    await expect(never.made.ensure()).rejects.toMatchObject({ code: 'unauthenticated' })
    expect(never.made.status.value).toBe('refused')
    // asked again, it still never was there
    await never.made.ensure().catch(() => {})
    expect(never.made.status.value).toBe('refused')
    const ended = user(['token'], ['jwt', undefined])
    await ended.made.ensure()
    ended.made.drop()
    await expect(ended.made.ensure()).rejects.toMatchObject({ code: 'unauthenticated' })
    expect(ended.made.status.value).toBe('signed_out')
  })

  it('asks the host once for a fresh token when the server has ended it, and never loops', async () => {
    const { made, unary, ask } = user(['one', 'two'], ['a', 'b'])
    await made.ensure()
    unary.mockImplementationOnce(async () => {
      throw new RpcError('unauthenticated')
    })
    await made.call('MessengerService/GetHome', {})
    expect(made.bearer()).toBe('two')
    expect(ask).toHaveBeenCalledTimes(2)
  })

  it('does not try a token again that was refused', async () => {
    const { made, unary } = user([new RpcError('unauthenticated')], ['same', 'same'])
    await made.ensure().catch(() => {})
    await made.ensure().catch(() => {})
    expect(unary).toHaveBeenCalledTimes(1)
  })

  it('outlives a server that is away', async () => {
    const { made } = user([new RpcError('unavailable'), 'token'], ['jwt', 'jwt'])
    await expect(made.ensure()).rejects.toMatchObject({ code: 'unavailable' })
    expect(made.status.value).toBe('starting')
    await made.ensure()
    expect(made.status.value).toBe('ready')
  })
})

describe('a visitor', () => {
  const guest = { guest: true }

  it('has no session before they ask for something, and one at once when they were met before', async () => {
    expect(await session([], [guest]).made.expects()).toBe(false)
    const met = session(['token'], [{ ...guest, visitor: 'secret' }])
    expect(await met.made.expects()).toBe(true)
    await met.made.ensure()
    expect(met.asked).toEqual([{ ...app, visitorSecret: 'secret' }])
    expect(met.ask).toHaveBeenCalledTimes(1)
  })

  it('is kept after the first thing they write, once, and not before', async () => {
    const { made, keep } = session([{ visitorSecret: 'new' }], [guest])
    await made.ensure()
    expect(keep).not.toHaveBeenCalled()
    made.wrote()
    made.wrote()
    expect(keep.mock.calls).toEqual([['new']])
  })

  it('stays the same one when the session is renewed, whether the host could keep the secret or not', async () => {
    const { made, asked } = session([{ visitorSecret: 'new' }, 'token'], [guest, guest])
    await made.ensure()
    made.wrote()
    made.drop()
    await made.ensure()
    expect(asked[1]).toEqual({ ...app, visitorSecret: 'new' })
  })

  it('who was met before is kept again, for as long as the page has them known from now on', async () => {
    const met = { ...guest, visitor: 'secret' }
    const { made, asked, keep } = session(['token', 'token'], [met, guest])
    await made.ensure()
    expect(keep.mock.calls).toEqual([['secret', true]])
    // forgotten by the page meanwhile: that stays so, and who is here is still the same
    made.drop()
    await made.ensure()
    made.wrote()
    expect(keep).toHaveBeenCalledTimes(1)
    expect(asked[1]).toEqual({ ...app, visitorSecret: 'secret' })
  })

  it('is a stranger until they write; a user never is, nor who was met before', async () => {
    const stranger = session([{ visitorSecret: 'new' }], [guest])
    await stranger.made.ensure()
    expect(stranger.made.known.value).toBe(false)
    stranger.made.wrote()
    expect(stranger.made.known.value).toBe(true)
    for (const proof of [{ jwt: 'jwt' }, { ...guest, user: 'ada' }, { ...guest, visitor: 'secret' }]) {
      const { made } = session(['token'], [proof])
      await made.ensure()
      expect(made.known.value).toBe(true)
    }
  })

  it('says who they are, if the host says no more', async () => {
    const { made, asked } = session(['token'], [{ ...guest, user: 'ada' }])
    await made.ensure()
    expect(asked).toEqual([{ ...app, userId: 'ada' }])
  })

  it('whose secret is not known any more begins anew', async () => {
    const old = { ...guest, visitor: 'old' }
    const { made, asked, keep } = session([new RpcError('unauthenticated'), { visitorSecret: 'new' }], [old, old])
    await made.ensure()
    expect(asked).toEqual([{ ...app, visitorSecret: 'old' }, app])
    expect(keep.mock.calls).toEqual([['']])
    expect(made.status.value).toBe('ready')
  })

  it('who logs in sends both proofs, and is forgotten when they are merged', async () => {
    const { made, asked, keep } = session([{ merged: true }], [{ jwt: 'jwt', visitor: 'secret', user: 'ada' }])
    await made.ensure()
    expect(asked).toEqual([{ ...app, userJwt: 'jwt', visitorSecret: 'secret' }])
    expect(keep.mock.calls).toEqual([['']])
  })

  it('who logged in elsewhere is nobody here until the host says who', async () => {
    const { made, asked } = session([{ visitorSecret: 'new' }, 'token'], [guest, guest, { jwt: 'jwt' }])
    await made.ensure()
    made.leave()
    await expect(made.ensure()).rejects.toMatchObject({ code: 'unauthenticated' })
    expect(made.status.value).toBe('signed_out')
    expect(asked).toHaveLength(1)
    await made.retry()
    expect(asked[1]).toEqual({ ...app, userJwt: 'jwt' })
  })

  it('is not made of somebody whose user token could not be had', async () => {
    const { made, asked } = session(['token'], [{ guest: false, visitor: 'secret' }])
    await expect(made.ensure()).rejects.toMatchObject({ code: 'unauthenticated' })
    expect(asked).toEqual([])
  })
})

describe('what is kept of a visitor', () => {
  it('counts for as long as the page has said, else for as long as the server says', () => {
    expect(read(written('secret', 1_000, 5_000), 5_999)).toBe('secret')
    expect(read(written('secret', 1_000, 5_000), 6_000)).toBe(undefined)
    for (const none of [undefined, null, 0, -5, 'soon', Number.POSITIVE_INFINITY])
      expect(written('secret', none, 5_000)).toBe('secret')
    expect(read('secret', 1e15)).toBe('secret')
  })

  it('is nothing where nothing was kept, or nothing that can be read', () => {
    expect(written('', 1_000)).toBe('')
    for (const none of [undefined, '', 'secret x']) expect(read(none)).toBe(undefined)
  })
})
