import { Link } from '@tanstack/react-router'
import type { Kind, Owner } from '../api/kinds'
import { useOwner } from '../api/owners'
import { useTranslation } from '../i18n'
import { Trail } from '../ui/page'

/** Leads from what an owner has up to the owner, and to all of its kind. */
export function OwnerTrail({ of: owner }: { of: Owner }) {
  const { t } = useTranslation()
  const { data } = useOwner(owner)
  // An environment is the only one of its kind.
  if (owner.kind === 'environment') return <KindTrail of={owner.kind} />
  return (
    <Trail label={t('trail')}>
      {[
        <KindLink key="kind" kind={owner.kind} />,
        <Link key="owner" to="/$kind/$owner" params={{ kind: owner.kind, owner: owner.id }}>
          {data?.name ?? '…'}
        </Link>,
      ]}
    </Trail>
  )
}

export function KindTrail({ of: kind }: { of: Kind }) {
  const { t } = useTranslation()
  return <Trail label={t('trail')}>{[<KindLink key="kind" kind={kind} />]}</Trail>
}

function KindLink({ kind }: { kind: Kind }) {
  const { t } = useTranslation()
  return (
    <Link to="/$kind" params={{ kind }}>
      {t(`nav.${kind}`)}
    </Link>
  )
}
