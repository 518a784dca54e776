/** A list that comes by pages. Pure. */
import type { Page } from '../api'
import type { Failure } from './failure'

export interface List<T> {
  rows: T[]
  /** Token of the next page; empty on the last. */
  next: string
  /** What is shown came from the server at least once. */
  loaded: boolean
  busy: 'no' | 'refresh' | 'more'
  failure: Failure | undefined
}

export type ListEvent<T> =
  | { type: 'refresh' }
  | { type: 'more' }
  | { type: 'page'; page: Page<T> }
  | { type: 'failed'; failure: Failure }

export function empty<T>(): List<T> {
  return { rows: [], next: '', loaded: false, busy: 'no', failure: undefined }
}

export function reduce<T extends { id: string }>(list: List<T>, event: ListEvent<T>): List<T> {
  switch (event.type) {
    case 'refresh':
    case 'more':
      return { ...list, busy: event.type }
    case 'page': {
      const { rows, next } = event.page
      if (list.busy !== 'more') return { rows, next, loaded: true, busy: 'no', failure: undefined }
      // one that moved up while its page was fetched comes twice: where it came last counts
      const ids = new Set(rows.map((row) => row.id))
      const kept = list.rows.filter((row) => !ids.has(row.id))
      return { rows: [...kept, ...rows], next, loaded: true, busy: 'no', failure: undefined }
    }
    case 'failed':
      return { ...list, busy: 'no', failure: event.failure }
  }
}
