import type { Schemas } from './client'

/** One attempt to deliver an event to a webhook. */
export type Delivery = Schemas['DeliveryLog']
export type DeliveryStatus = Schemas['DeliveryStatus']
export type Preview = Schemas['RetryPreview']
export type LogPage = Schemas['DeliveryLogList']
