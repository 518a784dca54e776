import { describe, expect, it, vi } from 'vitest'
import { host, inside, load, meet, settings, turn } from './testing'

describe('a session that is over', () => {
  it.each(['signed_out', 'refused'] as const)('(%s) leaves nobody behind', async (type) => {
    const api = await load([], settings)
    const { say } = await meet()
    say({ type: 'who', contact: 'con_1', name: 'Ada' })
    await vi.waitFor(() => expect(api('whoami')).toMatchObject({ contact_id: 'con_1' }))
    say({ type })
    await vi.waitFor(() => expect(api('whoami')).toBe(undefined))
  })
})

describe('show', () => {
  it('leads to what is unread, although here it is not known yet, and takes nobody away who is there', async () => {
    const api = await load([['show']], settings)
    const { heard } = await meet()
    api('show')
    await turn()
    expect(heard.filter((one) => one.type === 'go')).toEqual([{ type: 'go', place: { unread: true } }])
  })
})

describe('api_base', () => {
  it.each(['http://[', 'http://bff.test', 'http://127.bff.test', 'ftp://bff.test', 'bff.test'])(
    '%s is refused in plain words',
    async (base) => {
      const api = await load()
      const failed = vi.fn()
      api('onError', failed)
      api('boot', { ...settings, api_base: base })
      await turn()
      const message = 'api_base must be https, or http on localhost'
      expect(failed.mock.calls).toEqual([[{ message }]])
      expect(host()).toBe(null)
    }
  )

  it.each(['http://localhost:8080', 'http://shop.localhost', 'http://127.0.0.1:1'])(
    '%s is taken, for developers',
    async (base) => {
      await load([], { ...settings, api_base: base })
      expect(inside<HTMLIFrameElement>('iframe').dataset.src).toBe(`${base}/m/app_1/`)
    }
  )
})
