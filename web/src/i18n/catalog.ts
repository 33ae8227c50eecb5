import type { en } from './en'
import type { Message } from './message'

export type Key = keyof typeof en
/** The texts of one language: a message for each key of the English texts. */
export type Catalog = Record<Key, Message>
