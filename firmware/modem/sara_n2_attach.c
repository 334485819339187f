// SPDX-License-Identifier: Apache-2.0
//
// From the first "OK" to registration.

#include "modem/psm_timers.h"
#include "modem/sara_n2_parts.h"

// +CEREG's <stat> (3GPP TS 27.007 section 10.1.22).
enum { STAT_HOME = 1, STAT_DENIED = 3, STAT_ROAMING = 5 };

// Attaching may take minutes where coverage is poor (repetitions); then the network is left alone for a
// while.
#define ATTACH_MS 300000u
#define POLL_FIRST_MS 2000u
#define POLL_MAX_MS 10000u
#define DENIALS_MAX 6u
#define TRIES_MAX 3u

enum { IDENTIFY_MODEL, IDENTIFY_FIRMWARE };
enum { CHECK_ERRORS, CHECK_REGISTRATION };
enum { ATTACH_REGISTRATION, ATTACH_ATTACHED };
enum { REST_RADIO_OFF, REST_WAIT };

// The order matters: the radio is off while settings change, and what CHECKING looks for comes last.
enum {
    SET_ERRORS,
    SET_RADIO_OFF,
    SET_NO_HUAWEI_INDICATIONS,
    SET_NO_HUAWEI_MESSAGES,
    SET_APN,
    SET_APN_OTHERWISE,
    SET_PSM,
    SET_EDRX,
    SET_CONNECTION_NEWS,
    SET_PSM_NEWS,
    SET_RADIO_ON,
    SET_NETWORK,
    SET_ATTACH,
    SET_REGISTRATION_NEWS,
    SET_DONE,
};

static const char* compose_apn(sara_n2* sn, uint32_t context) {
    if (sn->options.apn[0] == '\0') return NULL;
    bs_text text = bs_text_in(sn->text, sizeof sn->text);
    bs_put(&text, "AT+CGDCONT=");
    bs_put_unsigned(&text, context);
    bs_put(&text, ",\"IP\",\"");
    bs_put(&text, sn->options.apn);
    bs_put(&text, "\"");
    return text.cut ? NULL : sn->text;
}

static const char* compose_psm(sara_n2* sn) {
    if (sn->options.periodic_s == 0) return "AT+CPSMS=0";
    char bits[PSM_BITS];
    bs_text text = bs_text_in(sn->text, sizeof sn->text);
    bs_put(&text, "AT+CPSMS=1,,,\"");
    psm_periodic(sn->options.periodic_s, bits);
    bs_put(&text, bits);
    bs_put(&text, "\",\"");
    psm_active(sn->options.active_s, bits);
    bs_put(&text, bits);
    bs_put(&text, "\"");
    return sn->text;
}

static const char* compose_edrx(sara_n2* sn) {
    if (sn->options.edrx[0] == '\0') return "AT+CEDRXS=0,5";
    bs_text text = bs_text_in(sn->text, sizeof sn->text);
    bs_put(&text, "AT+CEDRXS=1,5,\"");
    bs_put(&text, sn->options.edrx);
    bs_put(&text, "\"");
    return sn->text;
}

static const char* compose_network(sara_n2* sn) {
    if (sn->options.plmn[0] == '\0') return "AT+COPS=0";
    bs_text text = bs_text_in(sn->text, sizeof sn->text);
    bs_put(&text, "AT+COPS=1,2,\"");
    bs_put(&text, sn->options.plmn);
    bs_put(&text, "\"");
    return sn->text;
}

// Null: nothing to be said at this step.
static const char* compose_setting(sara_n2* sn, uint32_t* timeout_ms) {
    *timeout_ms = SN_QUICK_MS;
    switch (sn->step) {
        case SET_ERRORS:
            return "AT+CMEE=1";
        case SET_RADIO_OFF:
            *timeout_ms = SN_RADIO_MS;
            return "AT+CFUN=0";
        case SET_NO_HUAWEI_INDICATIONS:
            return "AT+NSMI=0";
        case SET_NO_HUAWEI_MESSAGES:
            return "AT+NNMI=0";
        case SET_APN:
            return compose_apn(sn, 0);
        case SET_APN_OTHERWISE:
            return compose_apn(sn, 1);
        case SET_PSM:
            return compose_psm(sn);
        case SET_EDRX:
            return compose_edrx(sn);
        case SET_CONNECTION_NEWS:
            return "AT+CSCON=1";
        case SET_PSM_NEWS:
            return "AT+NPSMR=1";
        case SET_RADIO_ON:
            *timeout_ms = SN_RADIO_MS;
            return "AT+CFUN=1";
        case SET_NETWORK:
            *timeout_ms = SN_NETWORK_MS;
            return compose_network(sn);
        case SET_ATTACH:
            *timeout_ms = SN_RADIO_MS;
            return "AT+CGATT=1";
        default:
            return "AT+CEREG=1";
    }
}

// Without these nothing works. The others differ from one firmware to the next, or say "disabled" because the
// modem does it by itself (AUTOCONNECT).
static bool is_needed(uint8_t step) {
    return step == SET_ERRORS || step == SET_RADIO_OFF || step == SET_RADIO_ON ||
           step == SET_REGISTRATION_NEWS;
}

static void go_to_attaching(sara_n2* sn) {
    sn_enter(sn, SN_ATTACHING);
    sn->denials = 0;
    sn_limit(sn, ATTACH_MS);
}

static void ask_setting(sara_n2* sn) {
    uint32_t timeout_ms = 0;
    const char* text = NULL;
    while (sn->step < SET_DONE && (text = compose_setting(sn, &timeout_ms)) == NULL)
        ++sn->step;
    if (text != NULL)
        sn_ask(sn, text, NULL, timeout_ms);
    else
        go_to_attaching(sn);
}

static void ask_while_resting(sara_n2* sn) {
    if (sn->step == REST_RADIO_OFF) {
        sn_ask(sn, "AT+CFUN=0", NULL, SN_RADIO_MS);
        return;
    }
    if (!sn_is_past_limit(sn)) return;
    // All settings again: the modem may have lost them meanwhile.
    sn->configure_anew = true;
    sn_enter(sn, SN_IDENTIFYING);
    sn_wake(sn, SN_IDENTIFYING);
}

void sn_attach_ask(sara_n2* sn) {
    switch (sn->phase) {
        case SN_IDENTIFYING:
            sn_ask(sn, sn->step == IDENTIFY_MODEL ? "AT+CGMM" : "AT+CGMR", "", SN_QUICK_MS);
            break;
        case SN_CHECKING:
            sn->answer = -1;
            if (sn->step == CHECK_ERRORS)
                sn_ask(sn, "AT+CMEE?", "+CMEE", SN_QUICK_MS);
            else
                sn_ask(sn, "AT+CEREG?", "+CEREG", SN_QUICK_MS);
            break;
        case SN_CONFIGURING:
            ask_setting(sn);
            break;
        case SN_ATTACHING:
            if (sn_is_past_limit(sn)) {
                sn_log(sn, PORT_LOG_WARNING, "no network, it is left alone for a while", "");
                sn_rest(sn);
            } else if (sn->step == ATTACH_REGISTRATION) {
                sn_ask(sn, "AT+CEREG?", "+CEREG", SN_QUICK_MS);
            } else {
                sn->attached = false;
                sn_ask(sn, "AT+CGATT?", "+CGATT", SN_QUICK_MS);
            }
            break;
        case SN_RESTING:
            ask_while_resting(sn);
            break;
        default:
            break;
    }
}

static void keep_name(sara_n2* sn, const char* line) {
    char* name = sn->step == IDENTIFY_MODEL ? sn->model : sn->firmware;
    if (sn->answer_seen) return;  // the first line is the name
    sn->answer_seen = true;
    const char* prefix = sn->step == IDENTIFY_MODEL ? "+CGMM" : "+CGMR";
    at_fields fields = at_fields_of(line, at_has_prefix(line, prefix) ? prefix : NULL);
    if (at_is_quoted(&fields)) {
        at_string(&fields, name, SN_NAME_BYTES);
        return;
    }
    bs_text text = bs_text_in(name, SN_NAME_BYTES);
    if (at_more(&fields)) bs_put(&text, fields.next);
}

bool sn_attach_answer(sara_n2* sn, const char* line) {
    int32_t stat = 0;
    at_fields fields;
    switch (sn->phase) {
        case SN_IDENTIFYING:
            keep_name(sn, line);
            return true;
        case SN_CHECKING:
            if (sn->step == CHECK_REGISTRATION && !sn_read_registration(line, true, &stat)) return false;
            fields = at_fields_of(line, sn->step == CHECK_ERRORS ? "+CMEE" : "+CEREG");
            sn->answer = at_integer(&fields);
            return true;
        case SN_ATTACHING:
            if (sn->step == ATTACH_ATTACHED) {
                fields = at_fields_of(line, "+CGATT");
                sn->attached = at_integer(&fields) == 1;
                if (fields.failed) at_fail(&sn->at);
                return true;
            }
            if (!sn_read_registration(line, true, &stat)) return false;
            sn->registration = stat;
            return true;
        default:
            return false;
    }
}

// The same again, or after some times the next remedy.
static bool tries_again(sara_n2* sn) {
    return ++sn->attempts < TRIES_MAX;
}

static void identified(sara_n2* sn) {
    if (!bs_has(sn->model, "SARA-N2")) {
        sn_log(sn, PORT_LOG_ERROR, "this driver knows the SARA-N2, and this is: ", sn->model);
        sn_enter(sn, SN_UNKNOWN);
        return;
    }
    sn_log(sn, PORT_LOG_INFO, "is a ", sn->model);
    sn_log(sn, PORT_LOG_INFO, sn->firmware[0] != '\0' ? "its firmware is " : "does not name its firmware",
           sn->firmware);
    sn_enter(sn, sn->configure_anew ? SN_CONFIGURING : SN_CHECKING);
}

static void identify_result(sara_n2* sn, at_result result) {
    if (result != AT_OK && tries_again(sn)) return;
    if (result != AT_OK && sn->step == IDENTIFY_MODEL) sn->model[0] = '\0';
    sn->attempts = 0;
    if (sn->step == IDENTIFY_MODEL)
        sn->step = IDENTIFY_FIRMWARE;
    else
        identified(sn);
}

static void check_result(sara_n2* sn, at_result result) {
    if (result == AT_GARBLED && tries_again(sn)) return;
    if (result != AT_OK || sn->answer != 1)
        sn_enter(sn, SN_CONFIGURING);
    else if (sn->step == CHECK_ERRORS)
        sn->step = CHECK_REGISTRATION;
    else
        go_to_attaching(sn);
}

static void setting_result(sara_n2* sn, at_result result) {
    if (result != AT_OK && is_needed(sn->step)) {
        sn_pause(sn, POLL_FIRST_MS);
        if (!tries_again(sn)) sn_restart(sn);
        return;
    }
    sn->attempts = 0;
    if (sn->step == SET_APN && result == AT_OK) ++sn->step;
    ++sn->step;
    if (sn->step >= SET_DONE) {
        sn->configure_anew = false;
        sn->sockets_to_close = SN_SOCKETS;
        go_to_attaching(sn);
    }
}

static void attach_result(sara_n2* sn, at_result result) {
    const bool registered = sn->registration == STAT_HOME || sn->registration == STAT_ROAMING;
    if (sn->step == ATTACH_REGISTRATION && result == AT_OK && registered) {
        sn->step = ATTACH_ATTACHED;
        return;
    }
    if (sn->step == ATTACH_ATTACHED && result == AT_OK && sn->attached) {
        sn->rests = 0;
        sn_log(sn, PORT_LOG_INFO, "is registered", sn->registration == STAT_ROAMING ? ", roaming" : "");
        sn_enter(sn, sn->socket >= 0 ? SN_READY : SN_OPENING);
        return;
    }
    sn->step = ATTACH_REGISTRATION;
    sn->denials = sn->registration == STAT_DENIED ? (uint8_t)(sn->denials + 1) : 0;
    if (sn->denials == DENIALS_MAX) {
        sn_log(sn, PORT_LOG_ERROR, "the network refuses this SIM, or this APN", "");
        sn_rest(sn);
        return;
    }
    uint32_t wait = POLL_FIRST_MS << (sn->attempts < 3 ? sn->attempts : 3);
    if (wait > POLL_MAX_MS) wait = POLL_MAX_MS;
    if (sn->attempts < UINT8_MAX) ++sn->attempts;
    sn_pause(sn, wait);
}

void sn_attach_result(sara_n2* sn, at_result result) {
    switch (sn->phase) {
        case SN_IDENTIFYING:
            identify_result(sn, result);
            break;
        case SN_CHECKING:
            if (result != AT_TIMEOUT) check_result(sn, result);
            break;
        case SN_CONFIGURING:
            if (result != AT_TIMEOUT || !is_needed(sn->step)) setting_result(sn, result);
            break;
        case SN_ATTACHING:
            attach_result(sn, result);
            break;
        case SN_RESTING:
            sn->step = REST_WAIT;
            break;
        default:
            break;
    }
}
