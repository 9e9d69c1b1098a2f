#include "edge/tls_tickets.h"

#include "common/clock.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

static bool set_ticket_mac(EVP_MAC_CTX *mac, const struct ticket_key *key)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key->mac,
                                          sizeof(key->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

int tls_ticket_seal(const struct ticket_keys *keys, unsigned char *name, unsigned char *iv,
                    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    const struct ticket_key *key = &keys->keys[0];
    clock_random(iv, EVP_MAX_IV_LENGTH);
    memcpy(name, key->name, sizeof(key->name));
    return EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv) == 1 &&
                   set_ticket_mac(mac, key)
               ? 1
               : -1;
}

int tls_ticket_open(const SSL *ssl, const struct ticket_keys *keys, const unsigned char *name,
                    const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    unsigned index = 0;
    const struct ticket_key *key = ticket_keys_find(keys, name, &index);
    if (key == NULL) {
        return 0;
    }
    if (EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv) != 1 ||
        !set_ticket_mac(mac, key)) {
        return -1;
    }
    return index == 0 && SSL_version(ssl) != TLS1_3_VERSION ? 1 : 2;
}
