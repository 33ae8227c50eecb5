import createClient from 'openapi-fetch'
import { politeFetch } from './client'
import { stringify } from './exact'
import { type Owner, ownerPath } from './kinds'
import type { paths } from './schema'

// The webhooks of every kind of owner have the same calls, below paths of their own. They are typed once, by those of
// agents; what an owner's answers have beside that, their readers know.
type Below<Prefix extends string> = {
  [Path in keyof paths as Path extends `${Prefix}${infer Rest}` ? Rest : never]: {
    [Method in keyof paths[Path]]: Placed<paths[Path][Method]>
  }
}
type Placed<Call> = Call extends { parameters: infer Params }
  ? Omit<Call, 'parameters'> & { parameters: Unplaced<Params> }
  : Call
/** Parameters without those that the base of the path holds already. */
type Unplaced<Params> = Params extends { path: infer Path }
  ? Omit<Params, 'path'> &
      ([Exclude<keyof Path, Held>] extends [never] ? { path?: never } : { path: Omit<Path, Held & keyof Path> })
  : Params
type Held = 'agent_id' | 'webhook_id'

const common = { fetch: politeFetch, bodySerializer: stringify }

/** Which webhook, and whose. */
export interface Place {
  owner: Owner
  webhook: string
}

/** Where the calls of one webhook stand. */
export const placePath = ({ owner, webhook }: Place) => `${ownerPath(owner)}/webhooks/${encodeURIComponent(webhook)}`

/** The calls about an owner: `''` is itself. */
export const ownerAt = (owner: Owner) =>
  createClient<Below<'/agents/{agent_id}'>>({ baseUrl: ownerPath(owner), ...common })

/** The calls of an owner's webhooks as a whole: list them, make one. */
export const webhooksOf = (owner: Owner) =>
  createClient<Below<'/agents/{agent_id}/webhooks'>>({ baseUrl: `${ownerPath(owner)}/webhooks`, ...common })

/** The calls of one webhook: `''` is itself. */
export const webhookAt = (place: Place) =>
  createClient<Below<'/agents/{agent_id}/webhooks/{webhook_id}'>>({ baseUrl: placePath(place), ...common })
