// Certificates and keys for tests of TLS. They are public, and good for nothing else.
//
// Made by these commands, on the curve P-256, from 2020 until 2120, and those that have ended until
// 2021; the keys are `openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8
// -nocrypt`, the requests `openssl req -new -key NAME.key -subj /CN=…`:
//
//   openssl ca -selfsign -startdate 20200101000000Z -enddate 21200101000000Z -extensions root …
//   openssl ca -cert authority.pem -keyfile authority.key -extensions leaf …
//
// `root` has `basicConstraints = critical,CA:true`, `leaf` has `subjectAltName = …`. The one
// without that is of `openssl req -x509 -new -key NAME.key -subj '/CN=…' -days 36500`.

/// Texts in PEM.
enum TestCertificates {
    /// Who signs what is believed.
    static let authority = """
        -----BEGIN CERTIFICATE-----
        MIIBhzCCASygAwIBAgIUYluN38qOXypQ1pKSnIonG25IIyQwCgYIKoZIzj0EAwIw
        IDEeMBwGA1UEAwwVVGVudXJlIHRlc3QgYXV0aG9yaXR5MCAXDTIwMDEwMTAwMDAw
        MFoYDzIxMjAwMTAxMDAwMDAwWjAgMR4wHAYDVQQDDBVUZW51cmUgdGVzdCBhdXRo
        b3JpdHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQteFyTSfpoL6AvurDhwmY4
        MsV2TDlZ/abX5ZG7jNM7ofUJMxjsU8znbe0TJ3Gj+cLwHVLGX5S6kceoZ0DbnjlA
        o0IwQDAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwICBDAdBgNVHQ4EFgQU
        oKTHlRs2eCOmL8Lbw7cdeM+Tuz8wCgYIKoZIzj0EAwIDSQAwRgIhAOKGISNv9+rm
        x+2GZ4vgVavPoB+SuzdwFw6dyXOyPmShAiEAzCC7ZPd2MDw3KRmJjABGIlaJDlzf
        3eoBPSnHdscsbn0=
        -----END CERTIFICATE-----
        """

    /// Of `localhost`, `127.0.0.1` and `::1`.
    static let server = """
        -----BEGIN CERTIFICATE-----
        MIIBszCCAVmgAwIBAgIUetBEGsTjgBQ1ngmIFEhXGXmbe6owCgYIKoZIzj0EAwIw
        IDEeMBwGA1UEAwwVVGVudXJlIHRlc3QgYXV0aG9yaXR5MCAXDTIwMDEwMTAwMDAw
        MFoYDzIxMjAwMTAxMDAwMDAwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcq
        hkjOPQIBBggqhkjOPQMBBwNCAAQmfHF+fd5Cdr9ZhRfQs6BSpMB+AqjHuUQzHBg8
        SpIGGRaTBrSTvIqiQ1FGLA7SxHvrwJcdSxs0NZv+KTAUFcQmo3sweTAJBgNVHRME
        AjAAMCwGA1UdEQQlMCOCCWxvY2FsaG9zdIcEfwAAAYcQAAAAAAAAAAAAAAAAAAAA
        ATAdBgNVHQ4EFgQUO5obCQOcnbVx2t3lF4zOtLKuHscwHwYDVR0jBBgwFoAUoKTH
        lRs2eCOmL8Lbw7cdeM+Tuz8wCgYIKoZIzj0EAwIDSAAwRQIhAIx7y1oYiWn5Jw05
        CxNXDbBL7s/YmkGMUDXY7lBgI0aZAiAUPk1zzMo+T5SMBXEp7m1Dow6BoKX+jH7r
        V9kwxOZ7bg==
        -----END CERTIFICATE-----
        """

    /// Of another host, `elsewhere.example.org`.
    static let elsewhere = """
        -----BEGIN CERTIFICATE-----
        MIIBqDCCAU2gAwIBAgIUCMUrirI5JPPPf9UFMusKUc39QjgwCgYIKoZIzj0EAwIw
        IDEeMBwGA1UEAwwVVGVudXJlIHRlc3QgYXV0aG9yaXR5MCAXDTIwMDEwMTAwMDAw
        MFoYDzIxMjAwMTAxMDAwMDAwWjAUMRIwEAYDVQQDDAllbHNld2hlcmUwWTATBgcq
        hkjOPQIBBggqhkjOPQMBBwNCAAQAgVxUh4e0MnMd4r2mkX6NiMPZIaLnEvmOufIr
        LU1Jp5zFWthA/C24ikox5G5s2XLGGT3BDzo2c34kGhCFC0BTo28wbTAJBgNVHRME
        AjAAMCAGA1UdEQQZMBeCFWVsc2V3aGVyZS5leGFtcGxlLm9yZzAdBgNVHQ4EFgQU
        6WLnRYEg/6jBoyzCnLDX5sgQfrcwHwYDVR0jBBgwFoAUoKTHlRs2eCOmL8Lbw7cd
        eM+Tuz8wCgYIKoZIzj0EAwIDSQAwRgIhAN5ADHRUexaXNrYXjWEimNumZwfCXarD
        HMk1sK/VbiSzAiEAqLTju1k7y9JWc+2h7/Zm17rEzwAK0R7ASOn/lE8jCjw=
        -----END CERTIFICATE-----
        """

    /// Of `localhost`, until 2021.
    static let expired = """
        -----BEGIN CERTIFICATE-----
        MIIBnjCCAUWgAwIBAgIUVXIfzPC/vRmNKtVkTIO5ZFIS06UwCgYIKoZIzj0EAwIw
        IDEeMBwGA1UEAwwVVGVudXJlIHRlc3QgYXV0aG9yaXR5MB4XDTIwMDEwMTAwMDAw
        MFoXDTIxMDEwMTAwMDAwMFowFDESMBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZI
        zj0CAQYIKoZIzj0DAQcDQgAEP3aXFg+F+0/oLIhVP2+agL8sy8iRHTSvwHkR+2Vj
        ggRbzXemGNSMxLHkIhxS9YHwbrV9oz5v6z9pS7Tuo47rx6NpMGcwCQYDVR0TBAIw
        ADAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwHQYDVR0OBBYEFKBpkEVQZHSa
        4I8wHk+JNq4olUh+MB8GA1UdIwQYMBaAFKCkx5UbNngjpi/C28O3HXjPk7s/MAoG
        CCqGSM49BAMCA0cAMEQCICvmkcYqtflqhS4AWH8AwP0tXaxIEnfklp9R9RSoQ7Xq
        AiASeNKd+h5sboXgvfDpLQuOOysimgF2sNMd8DWn0n6o1w==
        -----END CERTIFICATE-----
        """

    /// Of the client `ci`, `ci.example.org`.
    static let client = """
        -----BEGIN CERTIFICATE-----
        MIIBmTCCAT+gAwIBAgIULR3+GR6qY6v26nCHTPVV3eteo2UwCgYIKoZIzj0EAwIw
        IDEeMBwGA1UEAwwVVGVudXJlIHRlc3QgYXV0aG9yaXR5MCAXDTIwMDEwMTAwMDAw
        MFoYDzIxMjAwMTAxMDAwMDAwWjANMQswCQYDVQQDDAJjaTBZMBMGByqGSM49AgEG
        CCqGSM49AwEHA0IABMd+u6Umaks/PjVlm4v4PrgnV0L1SqUDyWkzfuXYPFEFP/4Z
        HGXpBb8xMBYq3hYqI8v/Pi2Za/ewLWFaOKATo5ijaDBmMAkGA1UdEwQCMAAwGQYD
        VR0RBBIwEIIOY2kuZXhhbXBsZS5vcmcwHQYDVR0OBBYEFNmrvZ0H7N1C/27V4o8H
        kG82MZIAMB8GA1UdIwQYMBaAFKCkx5UbNngjpi/C28O3HXjPk7s/MAoGCCqGSM49
        BAMCA0gAMEUCIQDEnJejSTVQcpfMtO81RfE3bHafRVETfobwgaLASomH0QIgLG8e
        pYsU6JenDZrHNHsw0QAnFUd+S3bKmV8vm2IaUh8=
        -----END CERTIFICATE-----
        """

    /// The same names, signed by another authority.
    static let foreign = """
        -----BEGIN CERTIFICATE-----
        MIIBmjCCAUCgAwIBAgIUEIMM5D+yaMrnCj8qTasw+v3UPIAwCgYIKoZIzj0EAwIw
        ITEfMB0GA1UEAwwWQW5vdGhlciB0ZXN0IGF1dGhvcml0eTAgFw0yMDAxMDEwMDAw
        MDBaGA8yMTIwMDEwMTAwMDAwMFowDTELMAkGA1UEAwwCY2kwWTATBgcqhkjOPQIB
        BggqhkjOPQMBBwNCAAT/g/PnZFNurE2p3Nw0GIce7FyPbWsSfqneK16cXYcms8Hs
        e6t5+FAZjbrrTTVvpvODLijmhox9o2/s/A9GrGvAo2gwZjAJBgNVHRMEAjAAMBkG
        A1UdEQQSMBCCDmNpLmV4YW1wbGUub3JnMB0GA1UdDgQWBBRoxlitAhn0rznBvEXA
        TEwi2ZeDITAfBgNVHSMEGDAWgBQ1Bes1PMin5L5MRNft3Hv6AEcrUDAKBggqhkjO
        PQQDAgNIADBFAiA8a86S0M2Vyh78tYK1xM/C+ExtPy9hFDdI95HCITUVpAIhAIF6
        ODDAKDvnIhM0WCZ0OJpwV1Ax4MjX/cI3BDP4pYcn
        -----END CERTIFICATE-----
        """

    /// The same names, until 2021.
    static let ended = """
        -----BEGIN CERTIFICATE-----
        MIIBljCCAT2gAwIBAgIUXCf+0M46BMjqiduQXTo+Mssnjs4wCgYIKoZIzj0EAwIw
        IDEeMBwGA1UEAwwVVGVudXJlIHRlc3QgYXV0aG9yaXR5MB4XDTIwMDEwMTAwMDAw
        MFoXDTIxMDEwMTAwMDAwMFowDTELMAkGA1UEAwwCY2kwWTATBgcqhkjOPQIBBggq
        hkjOPQMBBwNCAARP7GsLj1+sYEw9XmjToG7DngN2//6+t/YmXdhYcnB+sedP+YOo
        +zCscxtAYy6wAaOsJUVYqK91iCz8qU9tVkkNo2gwZjAJBgNVHRMEAjAAMBkGA1Ud
        EQQSMBCCDmNpLmV4YW1wbGUub3JnMB0GA1UdDgQWBBQ/9JQMApqn6W4kBjYGiY8Z
        G+r3PDAfBgNVHSMEGDAWgBSgpMeVGzZ4I6YvwtvDtx14z5O7PzAKBggqhkjOPQQD
        AgNHADBEAiBltnG4HtP08gce9/nQs1DqBrxW+GYi6pLe9vzPiWC/2wIgVXCz5F4G
        YeICYu9ahUxBopEjkuBmqd2esPg4o1jPvmY=
        -----END CERTIFICATE-----
        """

    /// Of `ci, spare; x`, which is a common name and its only one; signed by nobody else.
    static let onlyCommonName = """
        -----BEGIN CERTIFICATE-----
        MIIBhDCCASugAwIBAgIUTkk8tX8D3PUHTtuN4Olr+B4oC2EwCgYIKoZIzj0EAwIw
        FzEVMBMGA1UEAwwMY2ksIHNwYXJlOyB4MCAXDTI2MTEyMjIzMzU0NVoYDzIxMjYx
        MDI5MjMzNTQ1WjAXMRUwEwYDVQQDDAxjaSwgc3BhcmU7IHgwWTATBgcqhkjOPQIB
        BggqhkjOPQMBBwNCAARbBopaCAyuD+jvEk4Fegc8warxqBQu+AUJxBqDXx3AtpsG
        A/6jOg3JLgd3B/xLhPcZkxPV74/pyq7EN3YCZhSbo1MwUTAdBgNVHQ4EFgQUhel2
        EJNexOiXqkywwDuY+9qEcCwwHwYDVR0jBBgwFoAUhel2EJNexOiXqkywwDuY+9qE
        cCwwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiA1fNU7YXVrUOpb
        CvZriOxZQPbxvPd1TAnerkFlvy0DQgIgKQjeI6q+jJtntl+k0yoxRHRn3IVchP6X
        LJpOK6WNXSs=
        -----END CERTIFICATE-----
        """

    /// The key of `server`.
    static let serverKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgff3aSxiOJTQlw7Cq
        nWQt8NQO7xc75iaoCjzG1EAHcXyhRANCAAQmfHF+fd5Cdr9ZhRfQs6BSpMB+AqjH
        uUQzHBg8SpIGGRaTBrSTvIqiQ1FGLA7SxHvrwJcdSxs0NZv+KTAUFcQm
        -----END PRIVATE KEY-----
        """

    /// The key of `elsewhere`.
    static let elsewhereKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgqdgrzzTaxhV4xQxO
        GroePaOYA2hLX5Ox8ag63E92P1ahRANCAAQAgVxUh4e0MnMd4r2mkX6NiMPZIaLn
        EvmOufIrLU1Jp5zFWthA/C24ikox5G5s2XLGGT3BDzo2c34kGhCFC0BT
        -----END PRIVATE KEY-----
        """

    /// The key of `expired`.
    static let expiredKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgWSEaudQJsOHwbWbs
        bzXNDF5jDjGLqL4gFsYQ2eJIbLyhRANCAAQ/dpcWD4X7T+gsiFU/b5qAvyzLyJEd
        NK/AeRH7ZWOCBFvNd6YY1IzEseQiHFL1gfButX2jPm/rP2lLtO6jjuvH
        -----END PRIVATE KEY-----
        """

    /// The key of `client`.
    static let clientKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCaIMxf7980gWyIlZ
        ZvTRg0pOhDRvlmU515ZS+arD/zmhRANCAATHfrulJmpLPz41ZZuL+D64J1dC9Uql
        A8lpM37l2DxRBT/+GRxl6QW/MTAWKt4WKiPL/z4tmWv3sC1hWjigE6OY
        -----END PRIVATE KEY-----
        """

    /// The key of `foreign`.
    static let foreignKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgOVf89pcsGhuZGHTG
        uWQXWou5U2RYVMxlJ6gUgcE+MPehRANCAAT/g/PnZFNurE2p3Nw0GIce7FyPbWsS
        fqneK16cXYcms8Hse6t5+FAZjbrrTTVvpvODLijmhox9o2/s/A9GrGvA
        -----END PRIVATE KEY-----
        """

    /// The key of `ended`.
    static let endedKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgWjGI9ALMK05onjqh
        zRkLC0H4lEdEQvXRQ7OcswXmbvqhRANCAARP7GsLj1+sYEw9XmjToG7DngN2//6+
        t/YmXdhYcnB+sedP+YOo+zCscxtAYy6wAaOsJUVYqK91iCz8qU9tVkkN
        -----END PRIVATE KEY-----
        """
}
