import { type Signal, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { type Failure, failure } from '../state/failure'

export interface Loaded<T> {
  value: Signal<T | undefined>
  why: Signal<Failure | undefined>
  /** Old data stays while newer comes. */
  load: () => Promise<void>
}

/** Fetches when the page opens. */
export function useLoaded<T>(fetch: () => Promise<T>): Loaded<T> {
  const value = useSignal<T>()
  const why = useSignal<Failure>()
  const load = async () => {
    try {
      value.value = await fetch()
      why.value = undefined
    } catch (thrown) {
      why.value = failure(thrown)
    }
  }
  useEffect(() => {
    load()
  }, [])
  return { value, why, load }
}
