#include "server/auth/hook/party_store.h"

#define KEY_COLUMNS                                                                                \
	"party_id, key_id, algorithm, public_key, own, "                                           \
	"floor(date_part('epoch', created_at) * 1000)::bigint"

const struct statement party_put_key = {
	.name = "auth_put_party_key",
	.sql = "SELECT " KEY_COLUMNS " FROM auth.put_party_key($1, $2, $3, $4, $5)",
	.parameters = PARTY_PUT_PARAMETERS,
};

const struct statement party_list_keys = {
	.name = "auth_list_party_keys",
	.sql = "SELECT " KEY_COLUMNS " FROM auth.party_key WHERE $1 IN ('', party_id) "
	       "ORDER BY party_id, ordinal DESC",
	.parameters = 1,
};

const struct statement party_delete_key = {
	.name = "auth_delete_party_key",
	.sql = "SELECT auth.delete_party_key($1, $2, $3, $4)",
	.parameters = 4,
};

const struct statement party_add_own_key = {
	.name = "auth_add_own_key",
	.sql = "SELECT " KEY_COLUMNS " FROM auth.add_own_key($1, $2, $3, $4, $5, $6, $7)",
	.parameters = PARTY_ADD_PARAMETERS,
};

const struct statement party_lacking = {
	.name = "auth_lacking_own_keys",
	.sql = "SELECT r_position FROM auth.lacking_own_keys($1::text[], $2::text[])",
	.parameters = 2,
};

const struct statement party_private_key = {
	.name = "auth_private_key",
	.sql = "SELECT o.private_key FROM auth.party_key k JOIN auth.own_key o USING (party_id, "
	       "key_id) WHERE k.party_id = $1 ORDER BY k.ordinal DESC LIMIT 1",
	.parameters = 1,
};

/* A party has no more of them: see auth.put_party_key(). */
const struct statement party_public_keys = {
	.name = "auth_public_keys",
	.sql = "SELECT public_key FROM auth.party_key WHERE party_id = $1 ORDER BY ordinal DESC "
	       "LIMIT 100",
	.parameters = 1,
};

struct text *party_add_parameters(struct arena *a, struct text caller, struct text party,
	const struct key_pair *pair, bool if_lacking)
{
	struct text *parameters = arena_array(a, PARTY_ADD_PARAMETERS, sizeof(*parameters));

	parameters[0] = caller;
	parameters[1] = party;
	parameters[2] = pair->public.id;
	parameters[3] = text_of(sign_algorithm_name(pair->public.algorithm));
	parameters[4] = pair->public.pem;
	parameters[5] = pair->private_pem;
	parameters[6] = if_lacking ? TEXT("true") : TEXT("false");
	return parameters;
}
