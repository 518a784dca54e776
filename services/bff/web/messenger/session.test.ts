import { describe, expect, it, vi } from 'vitest'
import type { Client } from '../rpc/connect'
import { RpcError } from '../rpc/errors'
import type { Proof } from './protocol'
import { Session } from './session'

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
    expect(await session([], [guest]).made.known()).toBe(false)
    const met = session(['token'], [{ ...guest, visitor: 'secret' }])
    expect(await met.made.known()).toBe(true)
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
