/* Keys and tokens that PyJWT 2.6 made: what others sign is good here. */
#ifndef JUNCTION_TESTS_UNIT_SERVER_JWT_VECTORS_H
#define JUNCTION_TESTS_UNIT_SERVER_JWT_VECTORS_H

#include "server/auth/token/jwt.h"

#define JWK_RSA                                                                                    \
	"{\"kty\":\"RSA\",\"n\":\"x4AilzgRz9xI0bRMSMXrT9wcCkRgRT6iJQ-UCkyFhAv6d50MOurc"            \
	"ytavIvBeti7nYOuUiCnjo6BkCiopQTDV99yKozYkhSxbrrcwhRjuJoWx8A1KTJqt1baIlU"                   \
	"wRJ2cFg7ZLfREV_c60k1svbfT0kBX2E7lOFHmRbix2Ymy0VpUVnLHjnUlxZAxiyCObiiwL"                   \
	"98yFBXSHU-PuaFV7z6LkTqlizdILaSonJjDZHIsh-5EozRyOfqeTdypIN7XbH3VgOZkc3c"                   \
	"l-yMrE3sYggrddUTEtwtoMMBgxxCNUQcPvXOlxQ-igZr9iCMm2bOIdbxHXtzoq4jVQepgI"                   \
	"T0GF3KFsPQ\",\"e\":\"AQAB\"}"
#define JWK_P256                                                                                   \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"5TaQh18v4etPECM3M2fhN9fi4kplDz7yJWAtgpK"        \
	"CTxU\",\"y\":\"U_yLDhzblWwR53rh9pFeHJVlwfi0vdMmzcL5CPjIS6Y\"}"
#define JWK_P384                                                                                   \
	"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"WmIieXMVwb8RaBksOy1K564faK7pJAPCwWbnj3F"        \
	"it8qOdxPgZP-nX1KYaE4YxhK8\",\"y\":\"kHngWtUP8pUgQLv5IfiXT0Avgi2ldgRk8p7hYu"               \
	"zqU3pSScgnLALuc-sft7I9psY1\"}"
#define JWK_ED                                                                                     \
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"abSLfX5P2rnmaUwyEQcnFwGvY6ijHUwUJ7_w"        \
	"eC4uaXE\"}"

static const struct {
	enum jwt_algorithm algorithm;
	const char *jwk, *token;
} vectors[] = {
	{JWT_EDDSA, JWK_ED,
		"eyJhbGciOiJFZERTQSIsImtpZCI6ImsiLCJ0eXAiOiJKV1QifQ.eyJzdWIiOiJ1c2VyOmFsaWNlI"
		"iwiZXhwIjoxOTAwMDAwMDAwfQ.m9HEQrIBBZGaMijVl4Ue_TLkOpoSrY6DBbPvLeF0JPhFsxdgK6"
		"qmcD46AeEz79OBNqWyClq9zrOMuCi9KskSDA"},
	{JWT_ES256, JWK_P256,
		"eyJhbGciOiJFUzI1NiIsImtpZCI6ImsiLCJ0eXAiOiJKV1QifQ.eyJzdWIiOiJ1c2VyOmFsaWNlI"
		"iwiZXhwIjoxOTAwMDAwMDAwfQ.CBWuN9X5pwBN4Kt4s-PNwUpY_ufD6f0ZR0zDze_HnANbedD-Vk"
		"nmP845hPQCW4GG7WAeGUCuYr_gYsadwtbO8w"},
	{JWT_ES384, JWK_P384,
		"eyJhbGciOiJFUzM4NCIsImtpZCI6ImsiLCJ0eXAiOiJKV1QifQ.eyJzdWIiOiJ1c2VyOmFsaWNlI"
		"iwiZXhwIjoxOTAwMDAwMDAwfQ.IeDagTI6qrvems46LR5srH0AEPISQxUCYUvhBKBXMRTIxR42Rt"
		"00gWSPhcI3DlLKxw21Uxo_XkYybt1BWLFIEhWdAUeTvV6NMpPrb0QyDK6YrYPPreYn3YLVZOXJI_"
		"jG"},
	{JWT_RS256, JWK_RSA,
		"eyJhbGciOiJSUzI1NiIsImtpZCI6ImsiLCJ0eXAiOiJKV1QifQ.eyJzdWIiOiJ1c2VyOmFsaWNlI"
		"iwiZXhwIjoxOTAwMDAwMDAwfQ.IVhT_8tBbuPsrOVD7q9feXx3mT_gA0oMvNCxjlNxzKiU6sBYAL"
		"Rnp0_puG3RkW9Xc9EVMEtpfZtVvutr-E4pou8Z1twQGbRMnuyx9FUfgvSpmVcmmb9LzFlHRvOsbZ"
		"vHIAdeur9yZt5otWiVRGi-3O69D14ZU5f6jIUeOLXNwYRWFeF1E7PhfLWM1A-v50t4XAiHWGJMXt"
		"1sN68fJqQekI_wlDfw0G3RfD2DXmHT10Sco6tgxjeFqFIhz8vFITYCh9-ljdGm8m-Q6So19pBBPu"
		"-N7qw10LEDM_v6udXCbtrVaUMWiVod_RCKiBlndBtGYy9T-eVjtWiAgeeLEPQ2hQ"},
	{JWT_RS384, JWK_RSA,
		"eyJhbGciOiJSUzM4NCIsImtpZCI6ImsiLCJ0eXAiOiJKV1QifQ.eyJzdWIiOiJ1c2VyOmFsaWNlI"
		"iwiZXhwIjoxOTAwMDAwMDAwfQ.TDIlOtM_hiHAiWMecgeTQpRZMWzizq4bFhD2sSlsfpZakX9R49"
		"UiyXhTVB3TUTb2I-G0M74-edD2tyltg6Zh8SJbT2zQ10rAVWUU2WD9KNV21RgWORD61YyZ9hF0Yn"
		"2C6SH_HaSsFAHawrtQ3eb7JyGYHJ24SrxfTvZsNErh0sY27FDhFzihzsQylwQczzEsguPvOlJ0iI"
		"tGAeaAsqLySglnzcmdEzB2p5D9zhGsJRTMIYEVOXCxyi-9HSutvmzCUmsoaigfzmbPK4Xeomwppb"
		"nuW43iH9k_Xtg3TsZbhuC9ohp_hgMStmBPUXPaDpTwJNNGgRwIvSeQtEhYxxLmpA"},
	{JWT_RS512, JWK_RSA,
		"eyJhbGciOiJSUzUxMiIsImtpZCI6ImsiLCJ0eXAiOiJKV1QifQ.eyJzdWIiOiJ1c2VyOmFsaWNlI"
		"iwiZXhwIjoxOTAwMDAwMDAwfQ.FmLzBfVnGtNawOZPEwLRlxr21EY5iB72_naYnf94kO6iljmK0Q"
		"_l7ElpWJhQpxfgVPwE8c0VlPJ8-f1hfkWNKHsBeOLwhcmUQWg90EpXxpIJmyfo0yT-vcpK0HbXBZ"
		"CpzCa8xuCdsxerPKcyq_g3HaLK8vUg53G6FS0pXqYld128LLArrMS3_xHHnkGXAgHCDrctNhh0Vr"
		"g0kQGolnOrMeB303t_A42NVJ74VuuafzEsQnuDnlpaZC1nM3_TUSL_Kn7imPvwJDQyHCdfpmggCs"
		"jcAClya3GiIy3B7IW_JaTvhsAqUUvcz2nLhlJKcvRfUzyDwOsOEOhWveS0HS3PLQ"},
	{JWT_PS256, JWK_RSA,
		"eyJhbGciOiJQUzI1NiIsImtpZCI6ImsiLCJ0eXAiOiJKV1QifQ.eyJzdWIiOiJ1c2VyOmFsaWNlI"
		"iwiZXhwIjoxOTAwMDAwMDAwfQ.pHai9rZPpDANZlEIej5GasNPPCMfeT2a4U1UQS2PfGZGeJXK_f"
		"Ft5T4IW-rdzTfVVSe37I3LsOyV9G3r9itHVIMRK_M0CYzOgrNxmWsf16RtDWi4Dj9PIJEkzlHpCf"
		"VCwDAvPsqs3fJ0q-1fOnRuUc_apb4ztzATuoXXXcTrwpqxsTAjh_O_IYIFS6gnckQ7AFM-Iwh2M9"
		"2NHSrA6oJSv4QMEQ-OZ8ztq9FFL2rYEC-pOw2-TWkgvr9t5FmAkwc6Q9KhsoPMev97jHrNjLzJ3r"
		"ay2dt2uZw8wILxjH5GPh9q4DIfFqVnDyjUqXbFpRnQ6KjpVQNSb9wu6NxJr58GRg"},
};

#endif
