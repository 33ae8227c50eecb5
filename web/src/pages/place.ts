import type { Kind } from '../api/kinds'
import type { Place } from '../api/owned'

interface Params {
  kind: Kind
  owner: string
  webhook: string
}

/** The webhook that a page's address leads to. */
export const placeOf = ({ kind, owner, webhook }: Params): Place => ({ owner: { kind, id: owner }, webhook })

/** What stands of a webhook in the addresses of its pages. */
export const paramsOf = ({ owner, webhook }: Place): Params => ({ kind: owner.kind, owner: owner.id, webhook })
